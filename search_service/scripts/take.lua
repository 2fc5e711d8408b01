-- Takes the lease if it is free. KEYS: lease. ARGV: holder, ms. Returns who has it.
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  return ARGV[1]
end
return redis.call('GET', KEYS[1])
