-- Lists collections to clear away. KEYS: dropped. Returns `time in ms|value` for each, after the present time in ms.
local time = redis.call('TIME')
local values = redis.call('HVALS', KEYS[1])
table.insert(values, 1, string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)))
return values
