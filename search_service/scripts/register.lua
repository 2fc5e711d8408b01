-- Makes a prepared collection visible. KEYS: collections, dropped. ARGV: name, uid, value. Returns 1, or 0 if the name is taken.
if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[3]) == 0 then
  return 0
end
redis.call('HDEL', KEYS[2], ARGV[2])
return 1
