// user_space.h: one program's memory: what may be where (regions), and the page table that caches
// it, filled page by page by fault().
//
// Every page is private to the space: anonymous zeroes, or a copy of file contents that outlive the
// space. Not locked: used by the one thread that runs in it, or by its creator before that.
// Errors leave the space unchanged unless said otherwise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/access.h"
#include "base/address.h"
#include "base/list.h"
#include "base/page_range.h"
#include "base/result.h"
#include "kernel/memory/heap.h"
#include "kernel/memory/ref.h"
#include "kernel/memory/page_table.h"

namespace kernel {

// File contents behind a region: `bytes[0]` appears at `at`; zeroes where there are no bytes.
struct Contents {
  std::span<const uint8_t> bytes;
  uint64_t at = 0;
};

struct Region {
  base::VpnRange pages;
  base::Access access;
  Contents contents;
  const char* name = "";  // static
  base::ListNode node;
};

enum class FaultOutcome : uint8_t { resolved, unmapped, access, out_of_memory };
[[nodiscard]] const char* fault_outcome_name(FaultOutcome outcome);

enum class Placement : uint8_t { fixed, fixed_no_replace, anywhere };

class UserSpace : public RefCounted<UserSpace> {
 public:
  // User addresses are [minimum, end()).
  static constexpr uint64_t minimum = 0x10000;
  static constexpr uint64_t stack_size = 8u << 20;
  [[nodiscard]] static uint64_t end();

  [[nodiscard]] static base::Result<Ref<UserSpace>> create();
  // The same mappings with contents of their own. Error::out_of_memory.
  [[nodiscard]] base::Result<Ref<UserSpace>> clone() const;
  explicit UserSpace(base::Pfn root, unsigned levels) : tree_(root, levels) {}
  // Frees every page and table. The space must not be active.
  ~UserSpace();

  struct Request {
    base::UserAddr base;  // ignored with Placement::anywhere, unless it fits as a hint
    base::Bytes size;
    base::Access access;
    Placement placement = Placement::anywhere;
    Contents contents{};  // with Placement::anywhere they start where the mapping does
    const char* name = "anonymous";
  };
  // Returns where. Error::invalid_argument: misaligned, empty, outside the user half.
  // already_mapped: fixed_no_replace met a region. no_address_range. out_of_memory: with
  // Placement::fixed, what was mapped there is gone.
  [[nodiscard]] base::Result<base::UserAddr> map(const Request& request);

  // Holes are skipped. Error::out_of_memory: a region could not be split.
  [[nodiscard]] base::Status unmap(base::VpnRange pages);

  // Error::not_mapped: a hole; out_of_memory: nothing after the failing region changed.
  [[nodiscard]] base::Status protect(base::VpnRange pages, base::Access access);

  // Makes the page at `address` accessible for `wanted`, if its region allows it.
  [[nodiscard]] FaultOutcome fault(base::UserAddr address, base::Access wanted);

  // Copies `bytes` to `address` through the kernel's window, whatever the pages' rights.
  // Error::fault: not mapped, or no memory; a prefix may be written.
  [[nodiscard]] base::Status write_initial(base::UserAddr address, std::span<const uint8_t> bytes);

  // Brings in every page of every region that allows reading. Error::out_of_memory: some are in.
  [[nodiscard]] base::Status populate();

  // Runs user addresses through this space on this CPU; deactivate() stops that.
  void activate();
  static void deactivate();

  // The region at `address` ("stack 7ff0000-8000000 rw-"), or what is missing, for messages.
  void describe(base::UserAddr address, char* text, size_t capacity) const;
  // The entries of the walk to `address`.
  void describe_walk(base::UserAddr address, char* text, size_t capacity) const;

  // Every region is sorted, in the user half, overlaps nothing; every page belongs to a region.
  // Panics when not.
  void check() const;
  [[nodiscard]] uint64_t resident_pages() const { return resident_; }

 private:
  using Regions = base::List<Region, &Region::node>;

  [[nodiscard]] Region* find(base::Vpn page) const;
  // The first region that ends after `page`.
  [[nodiscard]] Region* first_after(base::Vpn page) const;
  [[nodiscard]] base::Result<base::Vpn> find_hole(base::PageCount count, base::Vpn hint) const;
  [[nodiscard]] bool is_free(base::VpnRange pages) const;
  // Splits the region that contains `page` in its middle so that one starts there.
  [[nodiscard]] base::Status split_at(base::Vpn page);
  void insert(Region& region);
  void drop_pages(base::VpnRange pages);
  void set_rights(base::VpnRange pages, base::Access access);
  static void fill(const Region& region, base::Vpn page, uint8_t* window);

  PageTree tree_;
  Regions regions_;
  uint64_t resident_ = 0;
};

}  // namespace kernel
