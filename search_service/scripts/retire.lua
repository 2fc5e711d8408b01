-- Lists spaces as ones to be dropped. KEYS: retired. ARGV: their names.
for _, space in ipairs(ARGV) do
  redis.call('ZADD', KEYS[1], now_ms(), space)
end
return 1
