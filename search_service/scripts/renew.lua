-- Extends the lease of its holder. KEYS: lease. ARGV: holder, ms. Returns 1, or 0 if it is not that holder's.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 0
