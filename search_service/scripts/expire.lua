-- Works off intents whose writers are gone. KEYS: intents, garbage, tombstones, tombstone times. ARGV: age in ms, limit.
-- A tombstone goes once it is that old and no intent from before it is left. Returns how many intents and tombstones went.
local now = now_ms()
local horizon = now - tonumber(ARGV[1])
local rows = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', horizon), 'LIMIT', 0, ARGV[2])
for _, row in ipairs(rows) do
  redis.call('ZREM', KEYS[1], row)
  redis.call('ZADD', KEYS[2], now, row)
end
local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
local safe = math.min(horizon, (tonumber(oldest) or now) - 1)
local buried = redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', string.format('%.0f', safe), 'LIMIT', 0, ARGV[2])
for _, id in ipairs(buried) do
  redis.call('HDEL', KEYS[3], id)
  redis.call('ZREM', KEYS[4], id)
end
return {#rows, #buried}
