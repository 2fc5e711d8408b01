-- Counts the rows that have a name. KEYS: records, intents, garbage. Returns those of records, and the others.
return { redis.call('HLEN', KEYS[1]), redis.call('ZCARD', KEYS[2]) + redis.call('ZCARD', KEYS[3]) }
