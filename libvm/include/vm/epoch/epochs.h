// Epochs: when nobody can see a thing any more that was taken out of a shared structure.
//
// A reader opens a Section, follows pointers, closes it; that writes one line of its own CPU and
// nothing shared. Whoever takes a thing out of a structure retires it; it is reclaimed when every
// section that was open then has been closed. Retiring allocates nothing: the thing carries the
// node (EpochNode), or is a frame, whose record's link is used.
//
//   global epoch E grows by one when every open section began in E (try_advance).
//   A thing is retired with the stamp E read after it was taken out.
//   Once E >= stamp + 2 no reader that could have found it is left.
//   Proof: the reader stored its epoch, then fenced, then read; the writer unlinked, then fenced,
//   then read the stamp s. If the reader found the thing its fence came first, so it began in an
//   epoch <= s; the advance from s + 1 fences after reading E = s + 1, sees the section, and waits.
//
// A section may also pass a Gate: an asymmetric reader lock. Passing costs nothing more; closing
// the gate waits until no CPU is inside (an address space closes its gate to be cloned).
//
// Moving the epoch writes a line that every section of every CPU reads, so it is done rarely: each
// operation ends with poll(), which does nothing until its CPU has retired many things. What is
// left goes when the CPU idles (collect()), and when frames run out (relieve()): at most
// `poll_limit` things a busy CPU wait while memory is plentiful.
//
// Context: a section is opened and closed on one CPU, nests (interrupt handlers may open their
// own), and nothing in it blocks. retire, poll and advance: not from interrupt handlers; poll,
// collect and synchronize run reclaim functions, so with no lock held that those take.
// Locks taken: the bags' bit of one CPU, rank leaf.
#pragma once

#include <stdint.h>

#include "base/address.h"
#include "base/atomic.h"
#include "base/check.h"
#include "base/span.h"
#include "base/utility.h"
#include "vm/epoch/epoch_cpu.h"
#include "vm/epoch/gate.h"
#include "vm/frame/frame_records.h"

namespace vm {

// Where retired frames go at last.
struct FrameReclaim {
  void* context = nullptr;
  void (*free)(void* context, base::Pfn frame) = nullptr;

  // To an allocator with reclaim(Pfn), as FrameAllocator.
  template <class Frames>
  [[nodiscard]] static FrameReclaim to(Frames& frames) {
    return {&frames,
            [](void* context, base::Pfn frame) { static_cast<Frames*>(context)->reclaim(frame); }};
  }
};

// H has current_cpu() and relax(), as Host or FrameHost.
template <class H>
class Epochs {
 public:
  // `cpus`: storage for as many CPUs as current_cpu() may name, living as long as this object.
  // `records` and `reclaim` serve retire_frame.
  Epochs(H& host, base::Span<EpochCpu> cpus, FrameRecords& records, FrameReclaim reclaim)
      : host_(host), cpus_(cpus), records_(records), reclaim_(reclaim) {}
  Epochs(const Epochs&) = delete;
  Epochs& operator=(const Epochs&) = delete;
  // Nothing is retired and not reclaimed (synchronize() first), no section is open.
  ~Epochs();

  // ---- Reading

  // Open from construction to destruction. Not moved to another CPU.
  class Section {
   public:
    explicit Section(Epochs& epochs) : Section(epochs, nullptr) {}
    // Passes `gate`; waits while it is closed.
    Section(Epochs& epochs, const Gate& gate) : Section(epochs, &gate) {
      while (BASE_UNLIKELY(gate.is_closed())) {
        leave();
        while (gate.is_closed()) epochs_.host_.relax();
        enter(&gate);
      }
    }
    ~Section() { leave(); }
    Section(const Section&) = delete;
    Section& operator=(const Section&) = delete;

   private:
    Section(Epochs& epochs, const Gate* gate)
        : epochs_(epochs), readers_(epochs.readers_of_this_cpu()) {
      enter(gate);
    }
    void enter(const Gate* gate);
    void leave();

    Epochs& epochs_;
    EpochReaders& readers_;
    uint32_t depth_ = 0;
    bool opened_ = false;  // the outermost section of this CPU
  };

  // True while this CPU is inside a section.
  [[nodiscard]] bool in_section() {
    return readers_of_this_cpu().state_.template load<base::Order::relaxed>() != 0;
  }

  // True while this CPU is inside a section that passed `gate`.
  [[nodiscard]] bool has_passed(const Gate& gate);

  // Closes `gate` to new sections and returns when no CPU is inside one that passed it. The caller
  // is not inside one. One closer at a time.
  void close(Gate& gate);
  void open(Gate& gate) { gate.closed_.template store<base::Order::release>(0); }

  // ---- Retiring

  // `node` is part of an object that no new reader can find.
  void retire(EpochNode& node, void (*reclaim)(EpochNode* node));
  // The same for a frame (a page table): its record's link is ours from now on.
  void retire_frame(base::Pfn frame);

  // For structures that keep their own lists: readers that may still see what was taken out before
  // this call began in an epoch up to the result.
  [[nodiscard]] uint64_t stamp() {
    base::fence<base::Order::sequential>();
    return epoch_.template load<base::Order::acquire>();
  }
  // Everything stamped with this or less is unseen.
  [[nodiscard]] uint64_t passed() const { return epoch_.template load<base::Order::acquire>() - 2; }

  // ---- Progress

  // Moves to the next epoch if every open section began in this one.
  bool try_advance();
  // How many things this CPU has retired before poll() does anything.
  static constexpr uint64_t poll_limit = 32;
  // If this CPU has retired many things: reclaims those that it retired long enough ago, advancing
  // if there are none and it can; returns how many. Else costs a load. Call it after every
  // operation.
  uint64_t poll();
  // Reclaims all that this CPU has retired, unless readers are inside; returns how many. Cheap when
  // nothing is retired. Call it from the idle loop.
  uint64_t collect();
  // For an allocator that has run out: frees the frames that any CPU has retired, unless readers
  // are inside, of which the caller may be one; returns how many. Waits for nobody; objects stay.
  // Context: any in which frames may be freed.
  uint64_t relieve();
  // Returns when every section that was open has been closed. Not in a section.
  void wait_for_readers();
  // Returns when everything that any CPU retired before is reclaimed, or about to be by a poll()
  // that is running. Not in a section.
  void synchronize();
  // Retired and not yet reclaimed, all CPUs.
  [[nodiscard]] uint64_t pending() const;

 private:
  EpochReaders& readers_of_this_cpu() { return cpus_[host_.current_cpu()].readers; }
  // This CPU opens its first section: from now on it is looked at. Those who look read the bound
  // after their fence, a reader raises it before its own: one of the two sees the other.
  BASE_NOINLINE void make_known(EpochReaders& readers);
  base::Span<EpochCpu> known_cpus() const {
    return cpus_.first(known_.template load<base::Order::acquire>());
  }
  // The bag for things retired now. What an older round left in it waits once more.
  EpochBag& bag_for_now(EpochBags& bags) BASE_REQUIRES(bags);
  uint64_t poll_cpu(EpochBags& bags);
  uint64_t reclaim(EpochBag bag);
  static constexpr unsigned relief_patience = 64;  // turns of waiting for readers elsewhere

  H& host_;
  base::Span<EpochCpu> cpus_;
  FrameRecords& records_;
  FrameReclaim reclaim_;
  base::Atomic<uint64_t> known_{0};               // CPUs from here on have never opened a section
  alignas(128) base::Atomic<uint64_t> epoch_{2};  // passed() is 0: nothing was retired before
};

template <class H>
Epochs<H>::~Epochs() {
  BASE_CHECK(pending() == 0, "epochs destroyed with retired objects");
  for (EpochCpu& cpu : cpus_) {
    BASE_CHECK(cpu.readers.state_.template load<base::Order::relaxed>() == 0,
               "epochs destroyed inside a section");
  }
}

// An interrupt handler may open and close sections between any two steps: the place on the stack is
// claimed before it is filled, and whoever finds no section open opens it.
template <class H>
void Epochs<H>::Section::enter(const Gate* gate) {
  using base::Order;
  if (BASE_UNLIKELY(!readers_.is_known_)) epochs_.make_known(readers_);
  depth_ = readers_.depth_.template load<Order::relaxed>();
  BASE_CHECK(depth_ < EpochReaders::max_depth, "epoch sections nest too deep");
  readers_.depth_.template store<Order::relaxed>(depth_ + 1);
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  opened_ = readers_.state_.template load<Order::relaxed>() == 0;
  if (opened_) {
    const uint64_t epoch = epochs_.epoch_.template load<Order::relaxed>();
    readers_.state_.template store<Order::relaxed>(epoch * 2 + 1);
  }
  readers_.gates_[depth_].template store<Order::relaxed>(reinterpret_cast<uint64_t>(gate));
  base::fence<Order::sequential>();
}

template <class H>
void Epochs<H>::make_known(EpochReaders& readers) {
  const uint64_t wanted = uint64_t(host_.current_cpu()) + 1;
  uint64_t known = known_.template load<base::Order::relaxed>();
  while (known < wanted &&
         !known_.template compare_exchange<base::Order::sequential>(known, wanted)) {
  }
  readers.is_known_ = true;
}

template <class H>
void Epochs<H>::Section::leave() {
  using base::Order;
  BASE_DCHECK(&readers_ == &epochs_.readers_of_this_cpu(), "epoch section moved to another CPU");
  readers_.gates_[depth_].template store<Order::release>(0);
  if (opened_) {
    readers_.state_.template store<Order::release>(0);
  }
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  readers_.depth_.template store<Order::relaxed>(depth_);
}

template <class H>
bool Epochs<H>::has_passed(const Gate& gate) {
  for (const auto& passed : readers_of_this_cpu().gates_) {
    if (passed.template load<base::Order::relaxed>() == reinterpret_cast<uint64_t>(&gate)) {
      return true;
    }
  }
  return false;
}

template <class H>
void Epochs<H>::close(Gate& gate) {
  BASE_DCHECK(!has_passed(gate), "gate closed by one who is inside");
  BASE_CHECK(gate.closed_.template exchange<base::Order::sequential>(1) == 0, "gate closed twice");
  base::fence<base::Order::sequential>();
  const auto key = reinterpret_cast<uint64_t>(&gate);
  for (EpochCpu& cpu : known_cpus()) {
    // No section is open, or its reader will find the gate closed.
    if (cpu.readers.state_.template load<base::Order::acquire>() == 0) continue;
    for (auto& passed : cpu.readers.gates_) {
      while (passed.template load<base::Order::acquire>() == key) {
        host_.relax();
      }
    }
  }
}

template <class H>
EpochBag& Epochs<H>::bag_for_now(EpochBags& bags) {
  const uint64_t now = stamp();
  EpochBag& bag = bags.bags[now % EpochBags::count];
  bag.stamp = now;
  bags.pending.template fetch_add<base::Order::relaxed>(1);
  return bag;
}

template <class H>
void Epochs<H>::retire(EpochNode& node, void (*reclaim_node)(EpochNode* node)) {
  EpochBags& bags = cpus_[host_.current_cpu()].bags;
  node.reclaim = reclaim_node;
  bags.acquire(host_);
  EpochBag& bag = bag_for_now(bags);
  node.next = base::exchange(bag.nodes, &node);
  bags.release();
}

template <class H>
void Epochs<H>::retire_frame(base::Pfn frame) {
  EpochBags& bags = cpus_[host_.current_cpu()].bags;
  bags.acquire(host_);
  EpochBag& bag = bag_for_now(bags);
  records_.of(frame).set_link(base::exchange(bag.frames, frame.raw()));
  bags.release();
}

template <class H>
bool Epochs<H>::try_advance() {
  uint64_t now = epoch_.template load<base::Order::acquire>();
  base::fence<base::Order::sequential>();
  for (const EpochCpu& cpu : known_cpus()) {
    const uint64_t state = cpu.readers.state_.template load<base::Order::acquire>();
    if (state != 0 && state != now * 2 + 1) {
      return false;
    }
  }
  return epoch_.template compare_exchange<base::Order::sequential>(now, now + 1);
}

template <class H>
uint64_t Epochs<H>::poll() {
  EpochBags& bags = cpus_[host_.current_cpu()].bags;
  if (BASE_LIKELY(bags.pending.template load<base::Order::relaxed>() < poll_limit)) {
    return 0;
  }
  // Others may have moved the epoch on; else it moves twice at once, which costs no more than once.
  if (const uint64_t count = poll_cpu(bags); count != 0) return count;
  if (try_advance()) (void)try_advance();
  return poll_cpu(bags);
}

template <class H>
uint64_t Epochs<H>::collect() {
  EpochBags& bags = cpus_[host_.current_cpu()].bags;
  uint64_t count = 0;
  // What is retired in one epoch is unseen two later.
  for (unsigned turn = 0; turn < 2; ++turn) {
    if (bags.pending.template load<base::Order::relaxed>() == 0) break;
    (void)try_advance();
    count += poll_cpu(bags);
  }
  return count;
}

template <class H>
uint64_t Epochs<H>::relieve() {
  if (pending() == 0) return 0;
  const uint64_t last = stamp();
  const unsigned patience = in_section() ? 0 : relief_patience;
  for (unsigned turn = 0; !try_advance() || passed() < last; ++turn) {
    if (turn >= patience + 2) break;
    host_.relax();
  }
  const uint64_t unseen = passed();
  uint64_t count = 0;
  for (EpochCpu& cpu : cpus_) {
    EpochBags& bags = cpu.bags;
    if (bags.pending.template load<base::Order::relaxed>() == 0) continue;
    // It may be the code that was interrupted to come here.
    if (!bags.try_acquire()) continue;
    EpochBag found[EpochBags::count];
    for (unsigned i = 0; i < EpochBags::count; ++i) {
      if (bags.bags[i].stamp <= unseen) {
        found[i].frames = base::exchange(bags.bags[i].frames, EpochBag::no_frame);
      }
    }
    bags.release();
    uint64_t freed = 0;
    for (const EpochBag& bag : found) freed += reclaim(bag);
    bags.pending.template fetch_sub<base::Order::relaxed>(freed);
    count += freed;
  }
  return count;
}

template <class H>
uint64_t Epochs<H>::poll_cpu(EpochBags& bags) {
  EpochBag passed_bags[EpochBags::count];
  const uint64_t unseen = passed();
  bags.acquire(host_);
  for (unsigned i = 0; i < EpochBags::count; ++i) {
    if (!bags.bags[i].empty() && bags.bags[i].stamp <= unseen) {
      passed_bags[i] = base::exchange(bags.bags[i], EpochBag{});
    }
  }
  bags.release();
  uint64_t count = 0;
  for (const EpochBag& bag : passed_bags) {
    count += reclaim(bag);
  }
  // Counted on the CPU that retired them, whoever reclaims.
  bags.pending.template fetch_sub<base::Order::relaxed>(count);
  return count;
}

template <class H>
uint64_t Epochs<H>::reclaim(EpochBag bag) {
  uint64_t count = 0;
  while (bag.nodes != nullptr) {
    EpochNode* node = base::exchange(bag.nodes, bag.nodes->next);
    node->reclaim(node);
    ++count;
  }
  while (bag.frames != EpochBag::no_frame) {
    const base::Pfn frame(bag.frames);
    bag.frames = records_.of(frame).link();
    records_.of(frame).set_link(0);
    reclaim_.free(reclaim_.context, frame);
    ++count;
  }
  return count;
}

template <class H>
void Epochs<H>::wait_for_readers() {
  BASE_CHECK(!in_section(), "waiting for readers inside a section");
  const uint64_t last = stamp();
  while (passed() < last) {
    if (!try_advance()) host_.relax();
  }
}

template <class H>
void Epochs<H>::synchronize() {
  wait_for_readers();
  for (EpochCpu& cpu : cpus_) {
    (void)poll_cpu(cpu.bags);
  }
}

template <class H>
uint64_t Epochs<H>::pending() const {
  uint64_t sum = 0;
  for (const EpochCpu& cpu : cpus_) {
    sum += cpu.bags.pending.template load<base::Order::relaxed>();
  }
  return sum;
}

}  // namespace vm
