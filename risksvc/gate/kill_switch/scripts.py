"""The Lua that runs inside Redis: every change of the kill switch's store is one of these, whole or not at all.

Rules: idempotent by id (a script may run twice, or long after its caller gave up); `allow-oom`, so that a full server
still takes a halt; integers travel as text (Lua's numbers are doubles); keys of one namespace share one hash tag; no
key ever gets a time to live, and one put on by accident is taken off. The first line needs Redis 7.0 or Valkey.

Keys that a script declares count as written by it. So POLL and ADD_HALTS, which a gate's user runs, never declare the
clears: that user may only read them (deploy/redis/users.acl). Where replicas must acknowledge (WAIT), each script
writes something in any case: Valkey's WAIT asks for this connection's last write only, and after a mere read it would
say that all is acknowledged (measured on 9.1; Redis 7.0 asks for the server's whole history).

Keys, for the namespace of one account or of everything ("*"):
  {risksvc:NS}:meta    hash: generation, epoch, chain (a digest over the order of all additions), schema, asked (when)
  {risksvc:NS}:halts   hash: halt id -> JSON. Only added to.
  {risksvc:NS}:clears  hash: halt id -> JSON. Only added to, and only on an operator's behalf.
  {risksvc:NS}:seen    hash: gate id -> "<redis time in ms> <heartbeat JSON>"
  {risksvc:NS}:ch      channel: each new halt's JSON, when it is raised and when it is added; "clears" when clears were
                       added. A hint, nothing more.
"""

from dataclasses import dataclass

SCHEMA = "1"


@dataclass(frozen=True, slots=True)
class Keys:
    """One namespace's keys."""

    meta: str
    halts: str
    clears: str
    seen: str
    channel: str

    @property
    def stored(self) -> tuple[str, ...]:
        """Those that hold something."""
        return self.meta, self.halts, self.clears, self.seen


def key_of(namespace: str, name: str) -> str:
    """One key; those of a namespace share a hash tag."""
    return f"{{risksvc:{namespace}}}:{name}"


def keys_of(namespace: str) -> Keys:
    """The keys of an account's namespace, or of "*"."""
    return Keys(*(key_of(namespace, name) for name in ("meta", "halts", "clears", "seen", "ch")))


_NOW_MS = """
local clock = redis.call('TIME')
local now_ms = string.format('%.0f', clock[1] * 1000 + math.floor(clock[2] / 1000))
"""

# KEYS meta halts seen; ARGV clears' key, digest that the caller has in full, gate id, heartbeat JSON ('' writes none),
# incarnation, '1' when replicas must acknowledge.
# -> generation, epoch, digest, redis ms, run id, role, seen; then, unless the digest is known, the ids of halts and of
# clears. Ids only: what an id stands for never changes, so the caller reads each once, in pieces; a poll stays short.
# A heartbeat of another incarnation stays while it is younger than its own bound. One that is ahead of this server's
# clock (a failover, a clock set back) would stay young for too long: it counts from now.
POLL = f"""#!lua flags=allow-oom
{_NOW_MS}
for _, key in ipairs(KEYS) do redis.call('PERSIST', key) end
local wrote = false
if ARGV[4] ~= '' then
  local all = redis.call('HGETALL', KEYS[3])
  for i = 1, #all, 2 do
    local at = tonumber(string.match(all[i + 1], '^(%d+) ') or '0')
    if at > tonumber(now_ms) then
      redis.call('HSET', KEYS[3], all[i], now_ms .. string.match(all[i + 1], '^%d+(.*)$'))
    end
  end
  local at, json = string.match(redis.call('HGET', KEYS[3], ARGV[3]) or '', '^(%d+) (.*)$')
  local readable, past = pcall(cjson.decode, json or '')
  local rival = readable and type(past) == 'table' and past.incarnation ~= ARGV[5]
    and (tonumber(now_ms) - tonumber(at)) * 1000000 <= (tonumber(past.bound_ns) or 0)
  if not rival then
    redis.call('HSET', KEYS[3], ARGV[3], now_ms .. ' ' .. ARGV[4])
    wrote = true
  end
end
if ARGV[6] == '1' and not wrote then redis.call('HSET', KEYS[1], 'asked', now_ms) end
local meta = redis.call('HMGET', KEYS[1], 'generation', 'epoch', 'chain')
local digest = string.format('%s:%.0f:%.0f', meta[3] or '', redis.call('HLEN', KEYS[2]), redis.call('HLEN', ARGV[1]))
local run_id = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') or ''
local role = string.match(redis.call('INFO', 'replication'), 'role:(%w+)') or ''
local seen = redis.call('HGETALL', KEYS[3])
local reply = {{meta[1] or '', meta[2] or '0', digest, now_ms, run_id, role, seen}}
if digest ~= ARGV[2] then
  reply[8] = redis.call('HKEYS', KEYS[2])
  reply[9] = redis.call('HKEYS', ARGV[1])
end
return reply
"""

# KEYS meta halts; ARGV channel, least epoch ('0': as it is), then id and JSON of each halt.
# -> how many were new, epoch, generation. The least epoch is what a gate has seen: history never counts backwards.
ADD_HALTS = """#!lua flags=allow-oom
local added = 0
local chain = redis.call('HGET', KEYS[1], 'chain') or ''
for i = 3, #ARGV, 2 do
  if redis.call('HSETNX', KEYS[2], ARGV[i], ARGV[i + 1]) == 1 then
    added = added + 1
    chain = redis.sha1hex(chain .. 'h' .. ARGV[i])
    redis.call('HINCRBY', KEYS[1], 'epoch', 1)
    redis.call('PUBLISH', ARGV[1], ARGV[i + 1])
  end
end
redis.call('HSET', KEYS[1], 'chain', chain)
local epoch = redis.call('HGET', KEYS[1], 'epoch') or '0'
if tonumber(epoch) < tonumber(ARGV[2]) then
  epoch = ARGV[2]
  redis.call('HSET', KEYS[1], 'epoch', epoch)
end
return {string.format('%.0f', added), epoch, redis.call('HGET', KEYS[1], 'generation') or ''}
"""

# KEYS meta clears; ARGV channel, halts' key, generation, epoch seen, deadline in redis ms, then id and JSON of each.
# -> what became of it, epoch, detail. Clears that all stand already are WRITTEN, whatever else has changed.
ADD_CLEARS = f"""#!lua flags=allow-oom
for _, key in ipairs(KEYS) do redis.call('PERSIST', key) end
local meta = redis.call('HMGET', KEYS[1], 'generation', 'epoch', 'chain')
local epoch = meta[2] or '0'
local fresh = {{}}
for i = 6, #ARGV, 2 do
  if redis.call('HEXISTS', KEYS[2], ARGV[i]) == 0 then fresh[#fresh + 1] = i end
end
if #fresh == 0 then
  redis.call('HSET', KEYS[1], 'chain', meta[3] or '')
  return {{'WRITTEN', epoch, ''}}
end
{_NOW_MS}
if tonumber(now_ms) > tonumber(ARGV[5]) then return {{'LATE', epoch, now_ms}} end
if (meta[1] or '') ~= ARGV[3] then return {{'OTHER_GENERATION', epoch, meta[1] or ''}} end
if epoch ~= ARGV[4] then return {{'OTHER_EPOCH', epoch, ''}} end
for _, i in ipairs(fresh) do
  if redis.call('HEXISTS', ARGV[2], ARGV[i]) == 0 then return {{'HALT_UNKNOWN', epoch, ARGV[i]}} end
end
local chain = meta[3] or ''
for _, i in ipairs(fresh) do
  redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
  chain = redis.sha1hex(chain .. 'c' .. ARGV[i])
  epoch = string.format('%.0f', redis.call('HINCRBY', KEYS[1], 'epoch', 1))
end
redis.call('HSET', KEYS[1], 'chain', chain)
redis.call('PUBLISH', ARGV[1], 'clears')
return {{'WRITTEN', epoch, ''}}
"""

# KEYS meta clears; ARGV generation, least epoch, schema, then id and JSON of each clear to restore.
# -> generation, '1' if this call set it, epoch. A generation that stands is never replaced.
INITIALISE = """#!lua flags=allow-oom
local created = redis.call('HSETNX', KEYS[1], 'generation', ARGV[1])
local generation = redis.call('HGET', KEYS[1], 'generation')
if generation == ARGV[1] then
  local chain = redis.call('HGET', KEYS[1], 'chain') or ''
  for i = 4, #ARGV, 2 do
    if redis.call('HSETNX', KEYS[2], ARGV[i], ARGV[i + 1]) == 1 then
      chain = redis.sha1hex(chain .. 'c' .. ARGV[i])
      redis.call('HINCRBY', KEYS[1], 'epoch', 1)
    end
  end
  redis.call('HSET', KEYS[1], 'chain', chain, 'schema', ARGV[3])
  local epoch = redis.call('HGET', KEYS[1], 'epoch') or '0'
  if tonumber(epoch) < tonumber(ARGV[2]) then redis.call('HSET', KEYS[1], 'epoch', ARGV[2]) end
end
return {generation, string.format('%.0f', created), redis.call('HGET', KEYS[1], 'epoch') or '0'}
"""
