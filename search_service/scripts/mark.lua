-- Notes which spaces hold images. KEYS: records, coverage. ARGV: image id, generation, body that says so, and so on in
-- threes. Returns 1 for each record that is of this generation and said otherwise, else 0.
local news = {}
for i = 1, #ARGV, 3 do
  local record = redis.call('HGET', KEYS[1], ARGV[i])
  local generation, times, body = string.match(record or '', '^(%d+)|(%d+|%d+|)(.*)$')
  local new = generation == ARGV[i + 1] and body ~= ARGV[i + 2]
  if new then
    redis.call('HSET', KEYS[1], ARGV[i], generation .. '|' .. times .. ARGV[i + 2])
    count_spaces(KEYS[2], body, -1)
    count_spaces(KEYS[2], ARGV[i + 2], 1)
  end
  news[#news + 1] = new and 1 or 0
end
return news
