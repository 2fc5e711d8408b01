-- Commits writes. KEYS: intents, records, ids, garbage, tombstones, contents, coverage, fence.
-- ARGV: the revision written for, then image id, generation, body, and so on in threes. A record is
-- `generation|create_ms|update_ms|body`. Returns one of CREATED, UPDATED, CONFLICT and CHANGED for each write.
local now = string.format('%.0f', now_ms())
local fenced = tonumber(ARGV[1]) < tonumber(redis.call('GET', KEYS[8]) or '0')

local function generation_of(record)
  return record and tonumber(string.match(record, '^(%d+)|')) or 0
end

local function commit(id, generation, body)
  local row = id .. '#' .. generation
  local intended = redis.call('ZREM', KEYS[1], row) == 1
  local old = redis.call('HGET', KEYS[2], id)
  local tombstone = tonumber(redis.call('HGET', KEYS[5], id) or '0')
  local head = math.max(generation_of(old), tombstone)
  if fenced or not intended or head > tonumber(generation) then
    redis.call('ZADD', KEYS[4], now, row)
    return fenced and 'CHANGED' or 'CONFLICT'
  end
  local created = old and string.match(old, '^%d+|(%d+)|') or now
  redis.call('HSET', KEYS[2], id, generation .. '|' .. created .. '|' .. now .. '|' .. body)
  redis.call('ZADD', KEYS[3], 0, id)
  if old then
    redis.call('ZREM', KEYS[6], content_of(old) .. '#' .. id)
    count_spaces(KEYS[7], old, -1)
  end
  redis.call('ZADD', KEYS[6], 0, content_of(body) .. '#' .. id)
  count_spaces(KEYS[7], body, 1)
  if not old then
    return 'CREATED'
  end
  redis.call('ZADD', KEYS[4], now, id .. '#' .. string.format('%.0f', generation_of(old)))
  return 'UPDATED'
end

local outcomes = {}
for i = 2, #ARGV, 3 do
  outcomes[#outcomes + 1] = commit(ARGV[i], ARGV[i + 1], ARGV[i + 2])
end
return outcomes
