-- Keeps an answer for a time, unless one stands. KEYS: generation, answer. ARGV: value, ms. Returns the one that stands, or nil.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return false
end
redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2])
return redis.call('GET', KEYS[2])
