#include "sim/launch.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <mutex>
#include <thread>

#include "sim/control.h"
#include "sim/options.h"
#include "sim/poison.h"
#include "sim/tensor_copy.h"
#include "sim/warpgroup.h"

namespace cudasim {

constexpr uint64_t kWarpBudget = 20000;  // instructions before another warp gets its turn
constexpr uint64_t kPollTurns = 1000;    // turns per warp that end with a wait in vain before the block counts as stuck
constexpr uint32_t kStackBytes = 32768;  // per thread, for calls

void touch_sectors(Cta& c, const uint64_t* sectors, unsigned n) {
  for (unsigned i = 0; i < n; ++i) c.sectors.insert(sectors[i]);
}

namespace {

uint64_t next_random(uint64_t& s) {
  s ^= s << 13;
  s ^= s >> 7;
  s ^= s << 17;
  return s;
}

// Everything of a block that does not depend on its index.
void prepare(Cta& c, Launch& l) {
  const Options& o = options();
  const bool same = c.launch && c.warps.size() == l.warps && !c.warps.empty() && c.warps[0]->frames.size() >= 1 &&
                    c.warps[0]->frames[0]->fn == l.kernel;
  c.launch = &l;
  c.check_memory = o.check_memory;
  c.check_shared = o.check_shared;
  c.check_sync = o.check_sync;
  c.stats = o.stats;
  c.late_copies = o.late_copies;
  c.bounds = DeviceMemory::get().bounds(l.device);
  c.mem_base = DeviceMemory::get().base();
  c.mem_shift = DeviceMemory::get().shift();
  c.counters = Counters{};
  c.sectors.clear();
  c.shared_storage.resize(l.shared_bytes + 128);
  c.shared = reinterpret_cast<uint8_t*>((reinterpret_cast<uintptr_t>(c.shared_storage.data()) + 63) & ~uintptr_t(63));
  if (!same) {
    c.warps.clear();
    for (uint32_t i = 0; i < l.warps; ++i) {
      auto w = std::make_unique<Warp>();
      w->index = i;
      w->cta = &c;
      c.warps.push_back(std::move(w));
    }
  }
  for (auto& w : c.warps) {
    w->counters = &c.counters;
    w->local_stride = l.kernel->local_bytes + (l.kernel->has_calls ? kStackBytes : 0);
    w->local_storage.resize(size_t(w->local_stride) * 32 + 16);
    w->local = w->local_storage.data();
    w->local += (16 - reinterpret_cast<uintptr_t>(w->local) % 16) % 16;
    if (!same) {
      w->frames.clear();
      w->free_frames.clear();
      new_frame(*w, l.kernel, nullptr);
    }
    fill_specials(*w, *w->frames[0], false);
    const uint32_t left = l.threads - w->index * 32;
    w->initial = left >= 32 ? ~0u : (1u << left) - 1;
  }
}

void begin_block(Cta& c, uint64_t index) {
  Launch& l = *c.launch;
  c.id[0] = uint32_t(index % l.grid[0]);
  c.id[1] = uint32_t(index / l.grid[0] % l.grid[1]);
  c.id[2] = uint32_t(index / l.grid[0] / l.grid[1]);
  c.exited_threads = 0;
  c.live_warps = l.warps;
  c.abort = false;
  c.now = 1;
  set_base(c, 0);
  c.rng = (options().seed + 1) * 0x9E3779B97F4A7C15ull ^ (index + 1) * 0xD1B54A32D192ED03ull ^ l.id;
  if (c.rng == 0) c.rng = 1;
  for (Barrier& b : c.barriers) b = Barrier{};
  c.mbarriers.clear();
  c.loads.clear();
  c.stores.clear();
  begin_warpgroups(c);
  c.polls = 0;
  if (c.check_shared) {
    const size_t words = l.shared_bytes / 4 + 2;
    SharedShadow& s = c.shadow;
    s.write.assign(words, 0);
    s.read1.assign(words, 0);
    s.read2.assign(words, 0);
    s.state.assign(words, 0);
    s.write_mask.assign(words, 0);
    s.read_mask.assign(words, 0);
    std::memset(c.shared, 0xFF, l.shared_bytes);  // NaN, so that an uninitialised read also shows in results
  }
  for (auto& wp : c.warps) {
    Warp& w = *wp;
    while (w.frames.size() > 1) {
      w.free_frames.push_back(std::move(w.frames.back()));
      w.frames.pop_back();
    }
    w.frame = w.frames[0].get();
    w.fn = l.kernel;
    w.regs = w.frame->regs;
    w.code = l.kernel->code.data();
    w.pc = 0;
    w.limit = 0xFFFFFFFF;
    w.live = w.active = w.initial;
    w.groups.clear();
    w.copies.clear();
    w.done = false;
    w.force_sync = false;
    w.poison.reset();
    w.stop = Wait::kNone;
    w.last_sync = 0;
    std::memset(w.vc, 0, sizeof w.vc);
    std::memset(w.group_now, 0, sizeof w.group_now);
    std::memset(w.bulk_group, 0, sizeof w.bulk_group);
    std::memset(w.proxy_fence, 0, sizeof w.proxy_fence);
    fill_specials(w, *w.frame, true);
  }
}

// The block's warps wait in vain, for registers or at mbarriers.
void report_polls(Cta& c, Warp& last) {
  for (auto& w : c.warps) {
    if (!w->active) continue;
    const Instr& in = w->code[w->pc];
    if (in.op != Op::kMaxRegisters) continue;
    report_at(*w, in, Check::kDeadlock, w->active, 0,
              "the block cannot go on: this warp waits for " + std::to_string(in.imm) +
                  " registers a thread, and no warp gives more back.",
              702);
    return;
  }
  std::string text = "the block cannot go on: all of its warps wait for an mbarrier at which nothing more arrives";
  if (const auto it = c.mbarriers.find(c.poll_object); it != c.mbarriers.end()) {
    const MBarrier& b = it->second;
    text += "; that at shared offset " + std::to_string(c.poll_object) + " lacks " + std::to_string(b.pending) +
            " of its " + std::to_string(b.expected) + " arrivals";
    if (b.bytes != 0) text += " and " + std::to_string(b.bytes) + " of the bytes that were announced";
  }
  report_at(last, *c.poll_instr, Check::kDeadlock, last.active, 0, text + ".", 702);
}

void report_deadlock(Cta& c) {
  for (auto& w : c.warps)
    for (Group& g : w->groups) {
      if (g.wait == Wait::kNone) continue;
      w->fn = g.frame->fn;
      std::string waiting, exited;
      for (auto& o : c.warps)
        if (o->done) exited += (exited.empty() ? "" : ",") + std::to_string(o->index);
      report_at(*w, *g.wait_instr, Check::kDeadlock, g.mask, 0,
                "the block cannot go on: this warp waits for good at barrier " + std::to_string(g.barrier) +
                    ", which has " + std::to_string(c.barriers[g.barrier].arrived) + " of its " +
                    std::to_string(c.barriers[g.barrier].expected ? c.barriers[g.barrier].expected
                                                                  : c.launch->threads - c.exited_threads) +
                    " threads" + (exited.empty() ? "." : "; warps " + exited + " have exited."),
                702);
      c.abort = true;
      return;
    }
}

// Runs the block for about `quantum` warp turns; true when it has ended.
bool step_block(Cta& c, uint64_t quantum) {
  while (quantum--) {
    if (c.abort) return true;
    uint32_t ready[32];
    uint32_t n = 0;
    bool any = false;
    for (auto& w : c.warps) {
      if (w->done) continue;
      any = true;
      if (!w->active) reschedule(*w);
      if (w->active) ready[n++] = w->index;
    }
    if (!any) {
      finish_warpgroups(c);
      finish_copies(c);
      return true;
    }
    if (n == 0) {
      bool released = false;
      for (unsigned id = 0; id < 16 && !released; ++id)
        if (barrier_complete(c, id)) {
          release_barrier(c, id);
          released = true;
        }
      if (!released) {
        bool forced = false;  // lanes that wait for lanes at a block barrier
        for (auto& w : c.warps)
          for (Group& g : w->groups)
            if (!forced && g.wait == Wait::kWarpSync) {
              w->force_sync = true;
              g.wait = Wait::kNone;
              forced = true;
            }
        if (!forced) report_deadlock(c);
      }
      continue;
    }
    Warp& w = *c.warps[ready[next_random(c.rng) % n]];
    for (;;) {
      if (w.poison)
        run_poisoned(w, kWarpBudget);
      else if (w.watching)
        run_watched(w, kWarpBudget);
      else
        isa().run(w, kWarpBudget);
      if (c.launch->expired.load(std::memory_order_relaxed) && !c.abort && !w.done) {
        report_at(w, w.code[w.pc], Check::kDeadlock, w.active, 0,
                  "the kernel still runs after the time that --timeout allows; this is where one of its warps is.",
                  702);
        return true;
      }
      if (c.abort) return true;
      if (w.active && w.pc < w.limit) break;  // its budget is used up
      const Wait stop = w.stop;
      reschedule(w);
      c.polls = stop == Wait::kYield ? c.polls + 1 : 0;
      if (!w.active || stop == Wait::kBarrier || stop == Wait::kYield) break;
    }
    if (c.polls > kPollTurns * c.warps.size()) {
      report_polls(c, w);
      return true;
    }
    if (w.done) w.active = 0;
    for (unsigned id = 0; id < 16; ++id)
      if (c.barriers[id].arrived && barrier_complete(c, id)) release_barrier(c, id);
  }
  return false;
}

// Worker threads that live as long as the process.
class Pool {
 public:
  static Pool& get() {
    static Pool* p = new Pool;
    return *p;
  }
  unsigned size() const { return unsigned(contexts_.size()); }
  Cta& context(unsigned i) { return *contexts_[i]; }
  void run(unsigned workers, const std::function<void(unsigned)>& job) {
    if (workers <= 1) {
      job(0);
      return;
    }
    std::unique_lock lock(mutex_);
    while (threads_.size() + 1 < workers) {
      const unsigned id = unsigned(threads_.size()) + 1;
      threads_.emplace_back([this, id] { loop(id); });
    }
    job_ = &job;
    wanted_ = workers;
    running_ = workers - 1;
    ++round_;
    start_.notify_all();
    lock.unlock();
    job(0);
    lock.lock();
    done_.wait(lock, [&] { return running_ == 0; });
    job_ = nullptr;
  }

 private:
  Pool() {
    for (unsigned i = 0; i < options().jobs; ++i) contexts_.push_back(std::make_unique<Cta>());
  }
  void loop(unsigned id) {
    uint64_t seen = 0;
    for (;;) {
      std::unique_lock lock(mutex_);
      start_.wait(lock, [&] { return round_ != seen && job_; });
      seen = round_;
      if (id >= wanted_) continue;
      const auto* job = job_;
      lock.unlock();
      (*job)(id);
      lock.lock();
      if (--running_ == 0) done_.notify_all();
    }
  }
  std::vector<std::unique_ptr<Cta>> contexts_;
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable start_, done_;
  const std::function<void(unsigned)>* job_ = nullptr;
  unsigned wanted_ = 0, running_ = 0;
  uint64_t round_ = 0;
};

std::mutex g_launch_mutex;  // one kernel at a time uses the pool

}  // namespace

void run_launch(Launch& l) {
  std::lock_guard one(g_launch_mutex);
  const auto start = std::chrono::steady_clock::now();
  const uint64_t blocks = uint64_t(l.grid[0]) * l.grid[1] * l.grid[2];
  Pool& pool = Pool::get();
  Counters total;
  std::unordered_set<uint64_t> sectors;
  if (l.cooperative) {
    // All blocks are resident at once, so that they can wait for each other.
    std::vector<std::unique_ptr<Cta>> all;
    l.grid_workspace = DeviceMemory::get().allocate(8, AllocKind::kDevice, l.device);
    if (l.grid_workspace) std::memset(DeviceMemory::get().host(l.grid_workspace), 0, 8);
    for (uint64_t i = 0; i < blocks; ++i) {
      all.push_back(std::make_unique<Cta>());
      prepare(*all.back(), l);
      begin_block(*all.back(), i);
    }
    std::vector<bool> done(blocks);
    for (uint64_t left = blocks; left && l.error == 0;)
      for (uint64_t i = 0; i < blocks; ++i)
        if (!done[i] && step_block(*all[i], l.warps * 4)) {
          done[i] = true;
          --left;
        }
    for (auto& c : all) {
      total.add(c->counters);
      sectors.merge(c->sectors);
    }
    DeviceMemory::get().release(l.grid_workspace);
  } else {
    std::atomic<uint64_t> next{0};
    const unsigned workers = unsigned(std::min<uint64_t>(pool.size(), blocks));
    pool.run(workers, [&](unsigned id) {
      Cta& c = pool.context(id);
      prepare(c, l);
      for (uint64_t i; (i = next.fetch_add(1)) < blocks && l.error == 0;) {
        begin_block(c, i);
        while (!step_block(c, 1u << 30)) {
        }
      }
    });
    for (unsigned i = 0; i < workers; ++i) {
      total.add(pool.context(i).counters);
      if (options().stats) sectors.merge(pool.context(i).sectors);
      pool.context(i).sectors.clear();
    }
  }
  if (options().stats) {
    total.unique_bytes = sectors.size() * 32;
    KernelStats s;
    s.kernel = l.kernel->name;
    s.launches = 1;
    s.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    s.counters = total;
    s.block_threads = l.threads;
    s.shared_bytes = l.shared_bytes;
    s.occupancy_blocks = l.occupancy_blocks;
    report_stats(s);
  }
}

}  // namespace cudasim
