-- Finds rows that nothing names. KEYS: intents, records, garbage. ARGV: image id, generation, and so on in pairs.
-- Returns the places of such pairs, from 1.
local places = {}
for i = 1, #ARGV, 2 do
  local row = ARGV[i] .. '#' .. ARGV[i + 1]
  local record = redis.call('HGET', KEYS[2], ARGV[i])
  local current = record and string.match(record, '^(%d+)|') == ARGV[i + 1]
  if not (current or redis.call('ZSCORE', KEYS[1], row) or redis.call('ZSCORE', KEYS[3], row)) then
    places[#places + 1] = (i + 1) / 2
  end
end
return places
