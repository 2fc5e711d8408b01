-- Frees the lease of its holder. KEYS: lease. ARGV: holder. Returns 1, or 0 if it is not that holder's.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
