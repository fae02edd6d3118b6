// proc_memory.cpp: /proc/PID: what is in a process's memory.
#include <cstring>

#include "kernel/memory/frames.h"
#include "kernel/memory/memory_tag.h"
#include "kernel/scheme/proc_files.h"

namespace kernel::proc {

namespace {

// The column where a mapping's name starts.
constexpr size_t name_column = 73;

struct Names {
  Text executable;

  [[nodiscard]] Text of(const vm::Mapping& mapping) const {
    switch (MemoryTag(mapping.tag())) {
      case MemoryTag::heap: return "[heap]";
      case MemoryTag::stack: return "[stack]";
      case MemoryTag::text:
      case MemoryTag::rodata:
      case MemoryTag::data: return executable;
      case MemoryTag::file: return "[file]";
      case MemoryTag::shared: return "/dev/zero (deleted)";
      case MemoryTag::signals: return "[vdso]";
      case MemoryTag::lent: return "[lent]";
      case MemoryTag::anonymous: break;
    }
    return {};
  }
};

void write_mapping(const vm::Mapping& mapping, const Names& names, TextBuilder& text) {
  const base::Access access = mapping.access();
  const uint64_t offset =
      mapping.object() == nullptr ? 0 : mapping.object_page().raw() << base::page_shift;
  const size_t start = text.text().size();
  text.print("%08lx-%08lx %c%c%c%c %08lx 00:00 0 ", base::UserAddr::of(mapping.first()).raw(),
             base::UserAddr::of(mapping.end()).raw(), access.can_read() ? 'r' : '-',
             access.can_write() ? 'w' : '-', access.can_execute() ? 'x' : '-',
             mapping.is_shared() ? 's' : 'p', offset);
  if (const Text name = names.of(mapping); !name.empty()) {
    while (text.text().size() - start < name_column && !text.failed()) {
      text.put(" ");
    }
    text.put(name);
  }
  text.put("\n");
}

}  // namespace

Outcome<> write_maps(const Subject& subject, TextBuilder& text) {
  BASE_TRY_ASSIGN(const Snapshot process, look(subject));
  if (!process.space) {
    return {};
  }
  const Names names{process.executable ? process.executable->text() : Text()};
  // In steps, so that a million mappings are not written under the space's lock.
  for (base::Vpn at(0); text.text().size() + name_column + 256 < TextBuilder::max_size;) {
    const auto mapping = process.space->vm().mapping_at_or_after(at);
    if (!mapping) {
      break;
    }
    write_mapping(*mapping, names, text);
    at = mapping->end();
  }
  return {};
}

Outcome<> write_statm(const Subject& subject, TextBuilder& text) {
  BASE_TRY_ASSIGN(const Snapshot process, look(subject));
  if (!process.space) {
    text.put("0 0 0 0 0 0 0\n");
    return {};
  }
  const vm::SpaceStatistics memory = process.space->vm().statistics();
  uint64_t code = 0;
  process.space->vm().visit_mappings([&](const vm::Mapping& mapping) {
    code += MemoryTag(mapping.tag()) == MemoryTag::text ? mapping.count().raw() : 0;
  });
  text.print("%lu %lu 0 %lu 0 %lu 0\n", memory.mapped.raw(), memory.resident.raw(), code,
             memory.committed.raw());
  return {};
}

void copy_memory(UserSpace& space, uint64_t from, uint64_t end, TextBuilder& text) {
  constexpr uint64_t longest = 128 * 1024;
  end = base::min(end, from + longest);
  if (end <= from || end > UserSpace::end()) {
    return;
  }
  const base::VpnRange pages{base::UserAddr(from).page(),
                             base::UserAddr(end - 1).page() + base::PageCount(1)};
  (void)space.vm().visit_pages(pages, [&](const vm::PageState& page) {
    if (page.present) {
      const uint64_t address = base::UserAddr::of(page.page).raw();
      const uint64_t first = base::max(address, from);
      const uint64_t last = base::min(address + base::page_size, end);
      const auto* window = static_cast<const char*>(frame_window(page.frame));
      text.put({window + (first - address), last - first});
    }
  });
}

Outcome<> write_arguments(const Subject& subject, TextBuilder& text) {
  BASE_TRY_ASSIGN(const Snapshot process, look(subject));
  if (process.space) {
    copy_memory(*process.space, process.words.arguments, process.words.arguments_end, text);
  }
  return {};
}

Outcome<> write_environment(const Subject& subject, TextBuilder& text) {
  BASE_TRY_ASSIGN(const Snapshot process, look(subject));
  if (process.space) {
    copy_memory(*process.space, process.words.environment, process.words.environment_end, text);
  }
  return {};
}

}  // namespace kernel::proc
