-- Lists rows without a record. KEYS: garbage. ARGV: age in ms, limit. Returns the oldest of those that have been so for that long.
local horizon = now_ms() - tonumber(ARGV[1])
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', horizon), 'LIMIT', 0, ARGV[2])
