-- Requests of a file, chosen at random, with pauses between those of a connection.
-- usage: wrk -s trend_load.lua … URL -- FILE MEAN_PAUSE_MS SEED
--
-- A line of the file is a method, a path, and for POST a body, with tabs between. Prints one line of JSON at the end.

local requests = {}
local pause = 0

function init(args)
  pause = tonumber(args[2])
  math.randomseed(tonumber(args[3]))
  for line in io.lines(args[1]) do
    local method, path, body = line:match("^(%S+)\t([^\t]+)\t?(.*)$")
    local headers = body ~= "" and { ["content-type"] = "application/json" } or nil
    requests[#requests + 1] = wrk.format(method, path, headers, body ~= "" and body or nil)
  end
end

function request()
  return requests[math.random(#requests)]
end

-- Users don't come in step: pauses are exponential.
function delay()
  return math.floor(-pause * math.log(1 - math.random()))
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"requests": %d, "seconds": %.3f, "p50": %.3f, "p95": %.3f, "p99": %.3f, "max": %.3f, "failed": %d, "timeouts": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(95) / 1e3,
    latency:percentile(99) / 1e3, latency.max / 1e3, errors.status + errors.connect + errors.read + errors.write, errors.timeout))
end
