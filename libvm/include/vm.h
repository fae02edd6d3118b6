/* vm.h: libvm for kernels written in C, and for any other language that calls C.
 *
 * Two tiers in one static library per architecture. A kernel that uses only the first links only
 * the first; each needs the hooks named below and memcpy, memset, memmove, memcmp, nothing else. A
 * missing hook is an undefined symbol that the linker names.
 *
 *   tables   physical frames, page tables shared copy-on-write, TLB shootdown      6 hooks
 *   spaces   address spaces with mappings, faults, memory objects, pagers         +4 hooks
 *
 * Storage. Nothing is allocated behind the caller's back: a handle is the address of memory that
 * the caller provides, as large and as aligned as vm_*_layout says, from create to destroy. Frames
 * come from the RAM given to vm_system_create; records of them are carved out of it.
 *
 * Context. Every function runs with migration off and not in an interrupt handler that could have
 * interrupted another one; none blocks. Those of one vm_space or vm_table may be called on several
 * CPUs at once unless the text says otherwise.
 *
 * Units: pages and frames of 4 KiB by number; rights as a sum of VM_READ and so on. Errors leave
 * everything as it was unless the text says otherwise.
 */
#ifndef LIBVM_VM_H
#define LIBVM_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define LIBVM_NORETURN [[noreturn]]
extern "C" {
#else
#define LIBVM_NORETURN _Noreturn
#endif

typedef enum vm_status {
  VM_OK = 0,
  VM_INVALID_ARGUMENT = 1,
  VM_OUT_OF_MEMORY,
  VM_NO_ADDRESS_RANGE,
  VM_ALREADY_MAPPED,
  VM_NOT_MAPPED,
  VM_ACCESS_DENIED,
  VM_BUSY,
  VM_NOT_FOUND,
  VM_ALREADY_EXISTS,
  VM_WOULD_BLOCK,
  VM_INTERRUPTED,
  VM_LIMIT_EXCEEDED,
  VM_NOT_SUPPORTED,
  VM_IO,
  VM_BUS,
  VM_FAULT,
  VM_WOULD_DEADLOCK,
  VM_DEAD
} vm_status;

enum vm_right { VM_READ = 1, VM_WRITE = 2, VM_EXECUTE = 4, VM_USER = 8 };

typedef enum vm_memory { VM_WRITE_BACK = 0, VM_WRITE_COMBINING, VM_UNCACHED, VM_DEVICE } vm_memory;

typedef struct vm_range {
  uint64_t first;
  uint64_t count;
} vm_range;

typedef struct vm_layout {
  size_t size;
  size_t alignment;
} vm_layout;

typedef struct vm_system vm_system;
typedef struct vm_table vm_table;
typedef struct vm_spaces vm_spaces;
typedef struct vm_space vm_space;
typedef struct vm_object vm_object;

/* ---- Hooks of both tiers: supplied by the kernel ------------------------------------------------
 * Each may be called with any lock of libvm held and must not call back into libvm. */

/* A broken invariant: print and stop. Any context. */
LIBVM_NORETURN void base_panic(const char* message, const char* file, uint32_t line);
/* The kernel's address of a frame of RAM, the same for ever; consecutive frames of one range of
 * RAM are consecutive. Example: return (char*)direct_map + frame * 4096; */
void* vm_host_window(uint64_t frame);
/* The number of this CPU, 0 .. cpus-1. */
uint32_t vm_host_current_cpu(void);
/* One turn of a spin loop. Must let this CPU answer vm_host_shootdown of others if interrupts are
 * off. Example: cpu_relax(); run_pending_shootdowns(); */
void vm_host_relax(void);
/* Runs action(context) on every CPU whose bit is set in cpus[0 .. words-1] but this one, and
 * returns when all have finished; meanwhile runs what others want of this CPU. */
void vm_host_shootdown(const uint64_t* cpus, size_t words, void (*action)(void* context),
                       void* context);
/* Fills the kernel's half of a new root table (x86_64), which is zero. aarch64: nothing to do. */
void vm_host_prepare_root(uint64_t* root);

/* ---- Hooks of the spaces tier -------------------------------------------------------------------
 * Called with no lock of libvm held, perhaps inside a fault; must not block. `context` is what
 * vm_object_create_paged was given. */

/* Asks the pager for pages; it answers with vm_object_attach or vm_object_fail under `ticket`. An
 * error refuses the request. */
vm_status vm_host_page_request(void* context, vm_object* object, vm_range pages, uint64_t ticket);
/* Asks the pager to store pages from `first` on, whose frames stay until vm_object_written. */
vm_status vm_host_page_write_back(void* context, vm_object* object, uint64_t first,
                                  const uint64_t* frames, size_t count, uint64_t ticket);
/* Waits for pages of the object may have ended: wake those who wait. */
void vm_host_pages_ready(void* context, vm_object* object, vm_range pages);
/* The object's last reference is gone: its storage is the caller's again. */
void vm_host_object_gone(vm_object* object);

/* ---- Tables: the machine and its frames ---------------------------------------------------------
 */

typedef struct vm_machine {
  uint8_t levels;         /* of page tables: 4 or 5 */
  uint8_t physical_bits;  /* width of a physical address */
  uint8_t tag_bits;       /* of an address-space tag: PCID 12, ASID 8 or 16, none 0 */
  bool gigabyte_leaves;   /* 1 GiB pages */
  bool no_execute;        /* x86_64: EFER.NXE is on */
  bool hardware_accessed; /* the CPU sets accessed bits */
  bool hardware_dirty;    /* the CPU sets dirty bits */
  bool size_change_plain; /* aarch64 FEAT_BBM level 2 */
  bool ranged_invalidate; /* aarch64 FEAT_TLBIRANGE */
  bool tagged_invalidate; /* x86_64 INVPCID */
  uint64_t idle_root;     /* frame of the root table in use while no table is active */
  uint32_t cpus;          /* as many as there may be */
  const vm_range* ram;    /* all RAM, ascending */
  size_t ram_count;
  const vm_range* free; /* the parts of it that are libvm's now, ascending */
  size_t free_count;
} vm_machine;

typedef struct vm_frame_result {
  vm_status status;
  uint64_t frame; /* if VM_OK */
} vm_frame_result;

vm_layout vm_system_layout(void);
/* Errors: VM_INVALID_ARGUMENT (storage, ranges, machine), VM_OUT_OF_MEMORY (no range can hold the
 * records of all frames), VM_NOT_SUPPORTED (RAM above 16 TiB). */
vm_status vm_system_create(vm_system* system, size_t size, const vm_machine* machine);
/* Every table and space has been destroyed. */
void vm_system_destroy(vm_system* system);
/* Frames free, cached ones included. */
uint64_t vm_system_available(vm_system* system);
/* Work for idle time: reclaims retired tables, zeroes a frame. False: nothing left to do. */
bool vm_system_idle(vm_system* system);

/* A frame with one reference, the caller's, filled with zeros. */
vm_frame_result vm_frame_allocate(vm_system* system);
/* Gives one reference back; the last one frees. */
void vm_frame_release(vm_system* system, uint64_t frame);

/* ---- Tables: page tables ------------------------------------------------------------------------
 */

typedef struct vm_found {
  bool present;
  unsigned rights; /* of the leaf and of the tables above it */
  uint64_t frame;
  unsigned level; /* 1: a page of 4 KiB */
  bool accessed;
  bool dirty;
} vm_found;

vm_layout vm_table_layout(void);
/* VM_OUT_OF_MEMORY. */
vm_status vm_table_create(vm_system* system, vm_table* table, size_t size);
/* Releases every frame it maps. No CPU runs it. */
void vm_table_destroy(vm_table* table);
/* Maps one page, where nothing is, to a frame. Takes over the caller's reference to a frame of RAM
 * on success; `rights` with VM_WRITE are lost by a clone and restored by vm_table_own.
 * VM_ALREADY_MAPPED, VM_OUT_OF_MEMORY, VM_INVALID_ARGUMENT (page not in the user half). */
vm_status vm_table_map(vm_table* table, uint64_t page, uint64_t frame, unsigned rights,
                       vm_memory type);
/* Removes what is there; no CPU remembers it when this returns. One changer at a time. */
vm_status vm_table_unmap(vm_table* table, vm_range pages);
/* New rights for what is there. One changer at a time. VM_OUT_OF_MEMORY. */
vm_status vm_table_protect(vm_table* table, vm_range pages, unsigned rights);
vm_found vm_table_lookup(vm_table* table, uint64_t page);
/* Makes `child`, created and empty, a copy-on-write copy at the cost of one root table. One changer
 * at a time. VM_OUT_OF_MEMORY, VM_LIMIT_EXCEEDED: the child is empty again. */
vm_status vm_table_clone(vm_table* table, vm_table* child);
/* For a write fault: makes the page at `page` this table's own, copying it if others have it too,
 * and gives it `rights`. VM_NOT_MAPPED, VM_OUT_OF_MEMORY. */
vm_status vm_table_own(vm_table* table, uint64_t page, unsigned rights);
/* This CPU translates user addresses by `table` from now on; by none. */
void vm_table_activate(vm_table* table);
void vm_table_deactivate(vm_system* system);

/* ---- Spaces -------------------------------------------------------------------------------------
 */

vm_layout vm_spaces_layout(void);
/* What the spaces of one system share. VM_OUT_OF_MEMORY. */
vm_status vm_spaces_create(vm_system* system, vm_spaces* spaces, size_t size);
/* Every space has been destroyed, every object released. */
void vm_spaces_destroy(vm_spaces* spaces);

vm_layout vm_space_layout(void);
/* `usable`: where mappings may be; count 0: all but the first 16 pages. VM_INVALID_ARGUMENT,
 * VM_OUT_OF_MEMORY. */
vm_status vm_space_create(vm_spaces* spaces, vm_space* space, size_t size, vm_range usable);
/* Unmaps everything. No CPU runs it, no other call on it is under way. */
void vm_space_destroy(vm_space* space);

typedef enum vm_placement {
  VM_ANYWHERE = 0,
  VM_HINT,            /* at `page` if that is free, else anywhere */
  VM_FIXED,           /* at `page`; what is there is replaced */
  VM_FIXED_NO_REPLACE /* at `page`, or VM_ALREADY_MAPPED */
} vm_placement;

typedef struct vm_map_request {
  uint64_t count;    /* pages */
  unsigned rights;   /* VM_USER is implied */
  unsigned most;     /* rights that vm_space_protect may give; 0: all */
  bool shared;       /* writes reach the object; else copies of its pages */
  vm_object* object; /* NULL: zero-fill memory */
  uint64_t object_page;
  vm_placement placement;
  uint64_t page;
} vm_map_request;

typedef struct vm_page_result {
  vm_status status;
  uint64_t page; /* if VM_OK */
} vm_page_result;

vm_page_result vm_space_map(vm_space* space, const vm_map_request* request);
vm_status vm_space_unmap(vm_space* space, vm_range pages);
vm_status vm_space_protect(vm_space* space, vm_range pages, unsigned rights);
/* Makes `child`, created and empty, a copy-on-write copy; constant in what is resident. */
vm_status vm_space_clone(vm_space* space, vm_space* child);

typedef enum vm_fault_kind {
  VM_RESOLVED = 0,     /* retry the instruction */
  VM_WAIT,             /* block until vm_wait_is_over, vm_wait_end, then fault again */
  VM_REFUSED_UNMAPPED, /* nothing is mapped there */
  VM_REFUSED_ACCESS,   /* the mapping does not allow it */
  VM_REFUSED_BUS,      /* the object has no such page, or its pager failed */
  VM_REFUSED_MEMORY    /* no frame, or a limit */
} vm_fault_kind;

typedef struct vm_wait {
  vm_object* object; /* one reference, until vm_wait_end */
  uint64_t page;
  uint64_t ticket;
} vm_wait;

typedef struct vm_fault_result {
  vm_fault_kind kind;
  vm_wait wait; /* if VM_WAIT */
} vm_fault_result;

/* What the CPU reported: the address, and VM_READ, VM_WRITE or VM_EXECUTE. */
vm_fault_result vm_space_fault(vm_space* space, uint64_t address, unsigned access);
bool vm_wait_is_over(const vm_wait* wait);
void vm_wait_end(vm_wait* wait);

typedef struct vm_page_state {
  bool mapped;  /* a mapping covers it */
  bool present; /* in the page table: the rest is known */
  bool dirty;
  bool shared; /* the frame has other users */
  bool zero;   /* the shared zero frame */
  uint64_t frame;
} vm_page_state;

vm_page_state vm_space_page(vm_space* space, uint64_t page);

/* Makes the pages present, as if each had been accessed so. Stops at the first that cannot be. */
vm_fault_result vm_space_populate(vm_space* space, vm_range pages, unsigned access);

typedef enum vm_move {
  VM_MOVE_NEVER = 0, /* grow or shrink in place, or VM_NO_ADDRESS_RANGE */
  VM_MOVE_MAY,       /* in place if possible, else anywhere */
  VM_MOVE_FIXED      /* to `page`; what is there is replaced */
} vm_move;

typedef struct vm_remap_request {
  vm_range source; /* one mapping, or part of one */
  uint64_t count;  /* pages from now on */
  vm_move move;
  uint64_t page; /* if VM_MOVE_FIXED */
  bool leave;    /* the mapping stays at its old place too, without contents */
} vm_remap_request;

/* Moves page tables, not contents. VM_NOT_MAPPED, VM_INVALID_ARGUMENT (empty; the ranges overlap),
 * VM_ACCESS_DENIED (below the usable pages), VM_NO_ADDRESS_RANGE, VM_OUT_OF_MEMORY. */
vm_page_result vm_space_remap(vm_space* space, const vm_remap_request* request);
/* Maps pages of `lender` here: both see what either writes; `rights` are at most the lender's. What
 * the lender unmaps later is VM_REFUSED_BUS here. VM_WOULD_DEADLOCK (a circle of loans),
 * VM_NOT_MAPPED (a hole), VM_ACCESS_DENIED, and what vm_space_map fails with. */
vm_page_result vm_space_borrow(vm_space* space, vm_space* lender, vm_range source, unsigned rights,
                               vm_placement placement, uint64_t page);
/* Moves mappings with their contents from `giver` to here. VM_NOT_MAPPED (a hole), VM_BUSY
 * (borrowed pages, or one of the spaces lends some), and what vm_space_map fails with. */
vm_page_result vm_space_transfer(vm_space* space, vm_space* giver, vm_range source,
                                 vm_placement placement, uint64_t page);

typedef enum vm_advice {
  VM_ADVICE_NORMAL = 0,
  VM_ADVICE_RANDOM,
  VM_ADVICE_SEQUENTIAL,
  VM_ADVICE_WILL_NEED, /* ask for what is not resident, do not wait */
  VM_ADVICE_DONT_NEED, /* drop; private memory reads as zeros afterwards */
  VM_ADVICE_FREE,      /* private zero-fill memory may be dropped */
  VM_ADVICE_REMOVE,    /* drop from the shared object too */
  VM_ADVICE_HUGE_PAGES,
  VM_ADVICE_NO_HUGE_PAGES,
  VM_ADVICE_DONT_FORK, /* clones have nothing there */
  VM_ADVICE_DO_FORK,
  VM_ADVICE_WIPE_ON_FORK, /* clones have zeros there */
  VM_ADVICE_KEEP_ON_FORK,
  VM_ADVICE_POPULATE_READ,
  VM_ADVICE_POPULATE_WRITE
} vm_advice;

/* VM_NOT_MAPPED (a hole; what is mapped has been advised), VM_INVALID_ARGUMENT (does not fit a
 * mapping), VM_ACCESS_DENIED, VM_BUS, VM_WOULD_BLOCK (a pager owes pages), VM_OUT_OF_MEMORY. */
vm_status vm_space_advise(vm_space* space, vm_range pages, vm_advice advice);

typedef enum vm_locking {
  VM_LOCK_NONE = 0, /* unlocks */
  VM_LOCK_ON_FAULT, /* pages stay once they are there */
  VM_LOCK_ALL       /* and are brought in now */
} vm_locking;

/* Locked pages refuse to be dropped, and count against a limit. VM_NOT_MAPPED (a hole),
 * VM_LIMIT_EXCEEDED: nothing is locked. VM_OUT_OF_MEMORY, VM_WOULD_BLOCK: locked, but some pages
 * are not there. */
vm_status vm_space_lock(vm_space* space, vm_range pages, vm_locking locking);
/* What is mapped now, and what will be. */
vm_status vm_space_lock_all(vm_space* space, vm_locking present, vm_locking future);

/* How far writing back has got: the caller's storage, from vm_sync_begin on, nothing to release. */
typedef struct vm_sync {
  uint64_t storage[12];
} vm_sync;

typedef enum vm_sync_mode {
  VM_SYNC_START = 0, /* writing back begins */
  VM_SYNC_WAIT,      /* and is waited for: VM_WOULD_BLOCK */
  VM_SYNC_INVALIDATE /* only: VM_BUSY when part of it is locked */
} vm_sync_mode;

typedef struct vm_sync_result {
  vm_status status; /* VM_WOULD_BLOCK: wait, vm_wait_end, then go on with the same vm_sync */
  vm_wait wait;     /* if VM_WOULD_BLOCK */
} vm_sync_result;

/* VM_INVALID_ARGUMENT. */
vm_status vm_sync_begin(vm_sync* sync, vm_range pages);
/* Gives dirty pages of shared paged objects to their pagers. VM_NOT_MAPPED (holes; the rest has
 * been done), VM_IO and VM_DEAD (what could be written has been). */
vm_sync_result vm_space_sync(vm_space* space, vm_sync* sync, vm_sync_mode mode);

typedef struct vm_mapping {
  vm_range pages; /* count 0: none at the page or above it */
  unsigned rights;
  unsigned most;
  bool shared;
  bool has_object;
  uint64_t object_page;
} vm_mapping;

/* The mapping at the page, or the next one above it. */
vm_mapping vm_space_mapping(vm_space* space, uint64_t page);

typedef struct vm_space_counts {
  uint64_t mappings;
  uint64_t mapped; /* pages, these and the next */
  uint64_t resident;
  uint64_t committed; /* private and writable */
  uint64_t locked;
} vm_space_counts;

/* Walks what is resident. */
vm_space_counts vm_space_statistics(vm_space* space);

typedef struct vm_space_limits {
  uint64_t mapped; /* pages, these and the next */
  uint64_t committed;
  uint64_t locked;
  uint64_t stack;
  uint64_t mappings;
} vm_space_limits;

vm_space_limits vm_space_get_limits(vm_space* space);
/* What is there already stays. */
void vm_space_set_limits(vm_space* space, const vm_space_limits* limits);

void vm_space_activate(vm_space* space);
void vm_space_deactivate(vm_space* space);

/* ---- Spaces: memory objects ---------------------------------------------------------------------
 */

/* Enough for any kind. */
vm_layout vm_object_layout(void);
/* Each is born with one reference, the caller's. VM_INVALID_ARGUMENT: storage, or too many pages.
 */
vm_status vm_object_create_anonymous(vm_spaces* spaces, vm_object* object, size_t size,
                                     uint64_t pages);
vm_status vm_object_create_physical(vm_spaces* spaces, vm_object* object, size_t size,
                                    vm_range frames, vm_memory type, unsigned rights);
vm_status vm_object_create_paged(vm_spaces* spaces, vm_object* object, size_t size, uint64_t pages,
                                 unsigned rights, void* context);
void vm_object_retain(vm_object* object);
void vm_object_release(vm_object* object);
/* Anonymous and paged: a new size in pages. Others: VM_NOT_SUPPORTED. */
vm_status vm_object_resize(vm_object* object, uint64_t pages);

/* The pager's answers, paged objects only (else VM_NOT_SUPPORTED). See vm/object/paged.h. */
/* Gives at most 64 frames (else VM_LIMIT_EXCEEDED), each the caller's alone, for the bytes from
 * `offset` on. */
vm_status vm_object_attach(vm_object* object, uint64_t ticket, uint64_t offset,
                           const uint64_t* frames, size_t count);
vm_status vm_object_fail(vm_object* object, uint64_t ticket, vm_range pages);
vm_status vm_object_written(vm_object* object, uint64_t ticket, vm_status outcome);
vm_status vm_object_pager_died(vm_object* object);

#ifdef __cplusplus
}
#endif
#endif
