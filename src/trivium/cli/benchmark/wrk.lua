-- Arguments after --: method, file of the body ("" for none), then name and value of each header.
function init(arguments)
  wrk.method = arguments[1]
  if arguments[2] ~= "" then
    local file = assert(io.open(arguments[2], "rb"))
    wrk.body = file:read("*a")
    file:close()
  end
  for place = 3, #arguments, 2 do
    wrk.headers[arguments[place]] = arguments[place + 1]
  end
end

-- One line for the harness: times are in microseconds.
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    "RESULT %d %d %d %d %d\n",
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
