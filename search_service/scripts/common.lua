-- Stands before every other script. A body begins with the content's hash and the tags of the spaces that hold the row.
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function content_of(body)
  return string.match(body, '{"sha256":"([^"]*)"') or ''
end

-- Counts an image in, or out, of the spaces that its body names.
local function count_spaces(coverage, body, by)
  for tag in string.gmatch(string.match(body, '"spaces":"([^"]*)"') or '', '%S+') do
    redis.call('HINCRBY', coverage, tag, by)
  end
end
