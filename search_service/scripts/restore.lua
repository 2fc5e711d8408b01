-- Commits versions whose rows are there already. `commit_all` before this is commit.lua, so that a record comes back as a
-- writer leaves it. KEYS: generation, then those of commit.lua. ARGV: generation seen, age in ms, then image id,
-- generation, generation of the record to replace (0: none), body, and so on in fours. Returns 1 for each that is the
-- record now, else 0: the record is another one, the row is garbage, or its own writer may yet commit it.
local now = now_ms()
local ANY_REVISION = '9007199254740991'
local INTENTS, RECORDS, GARBAGE = KEYS[2], KEYS[3], KEYS[5]
if tonumber(redis.call('GET', KEYS[1]) or '-1') < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[1])
end

local function may_restore(id, row, replaces)
  local record = redis.call('HGET', RECORDS, id)
  local generation = record and string.match(record, '^(%d+)|') or '0'
  local begun = tonumber(redis.call('ZSCORE', INTENTS, row) or '0')
  return generation == replaces and not redis.call('ZSCORE', GARBAGE, row) and begun <= now - tonumber(ARGV[2])
end

local restored = {}
for i = 3, #ARGV, 4 do
  local id, generation, row = ARGV[i], ARGV[i + 1], ARGV[i] .. '#' .. ARGV[i + 1]
  local outcome = 'CONFLICT'
  if may_restore(id, row, ARGV[i + 2]) then
    redis.call('ZADD', INTENTS, now, row)
    outcome = commit_all({ unpack(KEYS, 2) }, { ANY_REVISION, id, generation, '', ARGV[i + 3] })[1]
  end
  restored[#restored + 1] = outcome == 'CONFLICT' and 0 or 1
end
return restored
