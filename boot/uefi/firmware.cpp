#include "firmware.h"

#include "elf_image.h"

namespace boot {
namespace {

bool same(const EFI_GUID& a, const EFI_GUID& b) {
  return __builtin_memcmp(&a, &b, sizeof(EFI_GUID)) == 0;
}

}  // namespace

void Firmware::print(const char* line) {
  CHAR16 wide[200];
  size_t length = 0;
  while (*line != '\0' && length < 196) wide[length++] = static_cast<uint8_t>(*line++);
  wide[length++] = '\r';
  wide[length++] = '\n';
  wide[length] = 0;
  table_->ConOut->OutputString(table_->ConOut, wide);
}

uint64_t Firmware::allocate_pages(uint64_t pages, PageUse use, uint64_t below) {
  if (block_count_ == max_blocks || pages == 0) return 0;
  EFI_PHYSICAL_ADDRESS base = below - 1;
  const EFI_STATUS status = table_->BootServices->AllocatePages(
      below == ~0ULL ? AllocateAnyPages : AllocateMaxAddress,
      use == PageUse::code ? EfiLoaderCode : EfiLoaderData, pages, &base);
  if (status != EFI_SUCCESS) return 0;
  blocks_[block_count_++] = Block{base, pages};
  return base;
}

void Firmware::release_all() {
  while (block_count_ > 0) {
    const Block& block = blocks_[--block_count_];
    table_->BootServices->FreePages(block.base, block.pages);
  }
  if (root_ != nullptr) root_->Close(root_);
  root_ = nullptr;
}

uint64_t Firmware::acpi_rsdp() const {
  uint64_t old = 0;
  for (UINTN i = 0; i < table_->NumberOfTableEntries; ++i) {
    const EFI_CONFIGURATION_TABLE& entry = table_->ConfigurationTable[i];
    const auto address = reinterpret_cast<uint64_t>(entry.VendorTable);
    if (same(entry.VendorGuid, ACPI_20_TABLE_GUID)) return address;
    if (same(entry.VendorGuid, ACPI_TABLE_GUID)) old = address;
  }
  return old;
}

BootFramebuffer Firmware::framebuffer() const {
  BootFramebuffer result = {};
  const auto* gop = first_protocol<EFI_GRAPHICS_OUTPUT_PROTOCOL>(EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID);
  if (gop == nullptr || gop->Mode == nullptr || gop->Mode->Info == nullptr) return result;
  const EFI_GRAPHICS_OUTPUT_MODE_INFORMATION& info = *gop->Mode->Info;
  if (info.PixelFormat == PixelRedGreenBlueReserved8BitPerColor) {
    result.format = BootPixelFormat::rgbx8888;
  } else if (info.PixelFormat == PixelBlueGreenRedReserved8BitPerColor) {
    result.format = BootPixelFormat::bgrx8888;
  } else {
    return result;
  }
  result.base = gop->Mode->FrameBufferBase;
  result.size = gop->Mode->FrameBufferSize;
  result.width = info.HorizontalResolution;
  result.height = info.VerticalResolution;
  result.stride = info.PixelsPerScanLine * 4;
  return result;
}

int64_t Firmware::wall_clock_seconds() const {
  EFI_TIME time = {};
  if (table_->RuntimeServices->GetTime(&time, nullptr) != EFI_SUCCESS) return 0;
  if (time.Year < 1970 || time.Month < 1 || time.Month > 12) return 0;
  // Days since 1970-01-01 of the proleptic Gregorian calendar, counting years from March.
  const int64_t year = time.Month > 2 ? time.Year : time.Year - 1;
  const int64_t month = (time.Month + 9) % 12;
  const int64_t era_days = 365 * year + year / 4 - year / 100 + year / 400;
  const int64_t days = era_days + (153 * month + 2) / 5 + time.Day - 1 - 719468;
  int64_t seconds = days * 86400 + time.Hour * 3600 + time.Minute * 60 + time.Second;
  constexpr int16_t unspecified_zone = 2047;
  if (time.TimeZone != unspecified_zone) seconds += int64_t{time.TimeZone} * 60;
  return seconds;
}

size_t Firmware::random_bytes(uint8_t* to, size_t size) const {
  auto* rng = first_protocol<EFI_RNG_PROTOCOL>(EFI_RNG_PROTOCOL_GUID);
  if (rng == nullptr) return 0;
  return rng->GetRNG(rng, nullptr, size, to) == EFI_SUCCESS ? size : 0;
}

EFI_STATUS Firmware::read_map() {
  UINT32 version = 0;
  map_size_ = map_capacity_;
  return table_->BootServices->GetMemoryMap(&map_size_,
                                            reinterpret_cast<EFI_MEMORY_DESCRIPTOR*>(map_buffer_),
                                            &map_key_, &map_stride_, &version);
}

Firmware::MapView Firmware::map_view() const {
  return MapView{map_buffer_, map_size_ / map_stride_, map_stride_};
}

Text Firmware::prepare_memory_map() {
  // Room for the map to grow by: our own allocations and what the firmware does while leaving.
  constexpr size_t slack = 128;
  (void)read_map();  // answers "too small" with the size
  const uint64_t pages =
      (map_size_ + slack * (map_stride_ + sizeof(EFI_MEMORY_DESCRIPTOR)) + page_size) / page_size;
  const uint64_t buffer = allocate_pages(pages);
  if (buffer == 0) return Text("no memory for the memory map");
  map_buffer_ = reinterpret_cast<uint8_t*>(buffer);
  map_capacity_ = pages * page_size;
  return Text();
}

Outcome<Firmware::MapView> Firmware::memory_map() {
  const EFI_STATUS status = read_map();
  if (status != EFI_SUCCESS) return Problem{Text("memory map: status ").add_hex(status)};
  return map_view();
}

Outcome<Firmware::MapView> Firmware::exit_boot_services() {
  EFI_STATUS status = EFI_SUCCESS;
  for (unsigned attempt = 0; attempt < 8; ++attempt) {
    status = read_map();
    if (status != EFI_SUCCESS) break;
    status = table_->BootServices->ExitBootServices(image_, map_key_);
    if (status == EFI_SUCCESS) return map_view();
  }
  return Problem{Text("leaving boot services: status ").add_hex(status)};
}

void Firmware::reset() {
  table_->RuntimeServices->ResetSystem(EfiResetCold, EFI_LOAD_ERROR, 0, nullptr);
  for (;;) {
  }
}

}  // namespace boot
