// robust_list.h: locks in user memory that outlive their holder: a thread says where its list of
// them is (set_robust_list), and when it ends each is marked and one waiter is told.
#pragma once

#include <cstdint>

namespace kernel {

class Thread;

// struct robust_list_head: where the list starts, the offset from an entry to its futex word, an
// entry that is just being locked or unlocked.
inline constexpr uint64_t robust_list_head_size = 24;

// The current thread, `thread`, ends or changes programs. Whatever the list says: at most
// 2048 entries are read, a bad one ends the walk. No lock held; may bring pages in.
void release_robust_futexes(Thread& thread);

}  // namespace kernel
