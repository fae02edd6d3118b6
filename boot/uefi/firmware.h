// Firmware: the UEFI services the loader uses, as typed calls.
//
// Every page allocation is remembered: `release_all` gives back what the loader took, so a failed
// load leaves the firmware with the memory it had. After `exit_boot_services` succeeds nothing of
// this class may be called.
// Source: UEFI 2.10, sections 4 (tables), 7 (services), 9.1 (loaded image), 13 (files).
#pragma once

#include "boot/boot_info.h"
#include "efi_types.h"
#include "outcome.h"

namespace boot {

enum class PageUse { data, code };

class Firmware {
 public:
  Firmware(EFI_HANDLE image, EFI_SYSTEM_TABLE* table) : image_(image), table_(table) {}

  void print(const char* line);  // with a line end
  EFI_SYSTEM_TABLE* table() const { return table_; }

  // Finds the volume this image came from and the folder that its load options name
  // ("folder=\path"; \libvm without).
  [[nodiscard]] Text open_volume();

  // A whole file of that folder in fresh pages, followed by at least one zero byte.
  Outcome<Bytes> read_file(const char* name);

  // 0: no memory. Not zeroed. `below` bounds the end of the block.
  uint64_t allocate_pages(uint64_t pages, PageUse use = PageUse::data, uint64_t below = ~0ULL);
  void release_all();

  uint64_t acpi_rsdp() const;
  BootFramebuffer framebuffer() const;
  int64_t wall_clock_seconds() const;
  size_t random_bytes(uint8_t* to, size_t size) const;  // bytes filled by the firmware's generator

  // The firmware's memory map as of now, in a buffer of this object.
  struct MapView {
    const uint8_t* descriptors;
    size_t count;
    size_t stride;
  };
  [[nodiscard]] Text prepare_memory_map();  // allocates the buffer, with room to grow
  size_t memory_map_capacity() const { return map_capacity_ / sizeof(EFI_MEMORY_DESCRIPTOR); }
  Outcome<MapView> memory_map();

  // Reads the map and leaves boot services, again while the firmware says that the map went stale.
  // No console output from here on. On error the only sensible call left is `reset`.
  Outcome<MapView> exit_boot_services();
  [[noreturn]] void reset();

 private:
  struct Block {
    uint64_t base;
    uint64_t pages;
  };
  static constexpr unsigned max_blocks = 64;
  static constexpr size_t max_folder = 128;

  // Null where the handle (or, for `first_protocol`, the whole firmware) has none.
  template <typename Protocol>
  Protocol* protocol(EFI_HANDLE handle, EFI_GUID guid) const {
    void* found = nullptr;
    const EFI_STATUS status = table_->BootServices->HandleProtocol(handle, &guid, &found);
    return status == EFI_SUCCESS ? static_cast<Protocol*>(found) : nullptr;
  }
  template <typename Protocol>
  Protocol* first_protocol(EFI_GUID guid) const {
    void* found = nullptr;
    const EFI_STATUS status = table_->BootServices->LocateProtocol(&guid, nullptr, &found);
    return status == EFI_SUCCESS ? static_cast<Protocol*>(found) : nullptr;
  }
  EFI_STATUS read_map();
  MapView map_view() const;
  void parse_load_options(const EFI_LOADED_IMAGE_PROTOCOL& loaded);

  EFI_HANDLE image_;
  EFI_SYSTEM_TABLE* table_;
  EFI_FILE_HANDLE root_ = nullptr;
  char folder_[max_folder + 1] = "\\libvm";
  Block blocks_[max_blocks] = {};
  unsigned block_count_ = 0;
  uint8_t* map_buffer_ = nullptr;
  size_t map_capacity_ = 0;
  UINTN map_size_ = 0;
  UINTN map_key_ = 0;
  UINTN map_stride_ = 0;
};

}  // namespace boot
