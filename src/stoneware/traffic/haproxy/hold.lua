-- Holds a request while the service is held, at most as long as the map says. The map is the one that the runtime socket
-- changes; it is read again every few milliseconds, and costs nothing while no one is held.
local state = Map.new(os.getenv("STONEWARE_STATE"), Map._str)

core.register_action("hold", { "http-req" }, function(txn)
    local limit = tonumber(state:lookup("hold_limit_ms")) or 0
    local began = core.now()
    while state:lookup("held") == "1" do
        local now = core.now()
        if (now.sec - began.sec) * 1000 + (now.usec - began.usec) / 1000 >= limit then
            txn:set_var("txn.gave_up", true)
            return
        end
        core.msleep(5)
    end
end, 0)
