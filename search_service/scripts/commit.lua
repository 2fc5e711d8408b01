-- Commits writes. KEYS: intents, records, ids, garbage, tombstones, contents.
-- ARGV: image id, generation, body, and so on in threes. A record is `generation|create_ms|update_ms|body`, and a body
-- begins with the content's hash. Returns one of CREATED, UPDATED and CONFLICT for each write.
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))

local function generation_of(record)
  return record and tonumber(string.match(record, '^(%d+)|')) or 0
end

local function content_of(body)
  return string.match(body, '{"sha256":"([^"]*)"') or ''
end

local function commit(id, generation, body)
  local row = id .. '#' .. generation
  local intended = redis.call('ZREM', KEYS[1], row) == 1
  local old = redis.call('HGET', KEYS[2], id)
  local tombstone = tonumber(redis.call('HGET', KEYS[5], id) or '0')
  local head = math.max(generation_of(old), tombstone)
  if not intended or head > tonumber(generation) then
    redis.call('ZADD', KEYS[4], now, row)
    return 'CONFLICT'
  end
  local created = old and string.match(old, '^%d+|(%d+)|') or now
  redis.call('HSET', KEYS[2], id, generation .. '|' .. created .. '|' .. now .. '|' .. body)
  redis.call('ZADD', KEYS[3], 0, id)
  if old then
    redis.call('ZREM', KEYS[6], content_of(old) .. '#' .. id)
  end
  redis.call('ZADD', KEYS[6], 0, content_of(body) .. '#' .. id)
  if not old then
    return 'CREATED'
  end
  redis.call('ZADD', KEYS[4], now, id .. '#' .. string.format('%.0f', generation_of(old)))
  return 'UPDATED'
end

local outcomes = {}
for i = 1, #ARGV, 3 do
  outcomes[#outcomes + 1] = commit(ARGV[i], ARGV[i + 1], ARGV[i + 2])
end
return outcomes
