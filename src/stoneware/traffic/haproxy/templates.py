"""The fixed parts of a service's proxy configuration: what is asked of each request, in the order of the questions."""

from __future__ import annotations

MAXCONN = "4000"
"""The most connections at once."""

GLOBAL = """\
# written by Stoneware; a change by hand is overwritten
global
    stats socket unix@admin.sock mode 600 level admin expose-fd listeners
    stats timeout 30s
    maxconn {maxconn}
    # two proxies must not share an address by accident; a successor gets its sockets handed over
    noreuseport
    hard-stop-after {hard_stop}s
    setenv STONEWARE_STATE {state}
    lua-load hold.lua
{user}"""

DEFAULTS = """\
defaults
    mode http
    timeout connect 5s
    timeout client 1m
    timeout server 5m
    timeout tunnel 1d
    timeout queue 30s
    timeout http-request 10s
    timeout http-keep-alive 9s
    option idle-close-on-response
    option redispatch 1
    retries 3
    retry-on conn-failure empty-response response-timeout
"""

FRONTEND = """\
frontend service
    bind {listen}
    # a request that may have been worked on is not sent twice, unless it is safe to
    http-request disable-l7-retry unless {{ method GET HEAD OPTIONS }}
    http-request lua.hold if {{ str(held),map({state}) 1 }}
    acl held_too_long var(txn.gave_up) -m bool
    acl nobody_serves str(active),map({state}) none
    http-request return status 503 content-type text/plain string "held for too long\\n" hdr Retry-After 1 if held_too_long
    http-request return status 503 content-type text/plain string "no release yet\\n" hdr Retry-After 1 if nobody_serves
    http-request set-var(txn.began) date(0,us)
    # who answers: the active pool, or for a share of what is new another one
    http-request set-var(txn.pool) str(active),map({state})
    http-request set-var(txn.dice) rand(100)
    http-request set-var(txn.below) str(second_below),map({state})
    http-request set-var(txn.pool) str(second),map({state}) if {{ var(txn.dice),sub(txn.below) -m int lt 0 }}
    http-request set-var(txn.below) str(first_below),map({state})
    http-request set-var(txn.pool) str(first),map({state}) if {{ var(txn.dice),sub(txn.below) -m int lt 0 }}
    # a client that has met a pool stays with it while its kind is welcome there and someone answers
    acl sticky str(sticky),map({state}) 1
    http-request set-var(txn.met) req.cook({cookie}),field(1,~) if sticky
    http-request set-var(txn.met) str(client:),concat(,txn.met),map({state}) if sticky
    http-request set-var(txn.pool) str(A) if {{ var(txn.met) -m str A }} {{ nbsrv(A) gt 0 }}
    http-request set-var(txn.pool) str(B) if {{ var(txn.met) -m str B }} {{ nbsrv(B) gt 0 }}
    http-request set-var(txn.pool) str(C) if {{ var(txn.met) -m str C }} {{ nbsrv(C) gt 0 }}
    http-request set-var(txn.stays) bool(true) if {{ var(txn.met),strcmp(txn.pool) -m int eq 0 }}
    http-request set-var(txn.label) str(label_),concat(,txn.pool),map({state})
    acl stays var(txn.stays) -m bool
    http-response add-header Set-Cookie "{cookie}=%[var(txn.label)]~%[uuid]; Path=/; HttpOnly; SameSite=Lax" if sticky !stays
    use_backend %[var(txn.pool)]
"""
