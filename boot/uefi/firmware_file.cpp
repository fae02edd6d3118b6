// Firmware: the files of the volume that the loader was started from.
#include "elf_image.h"
#include "firmware.h"

namespace boot {
namespace {

constexpr EFI_GUID file_info_id = EFI_FILE_INFO_ID;

struct FileName {
  CHAR16 wide[256];
};

FileName join(const char* folder, const char* name) {
  FileName path = {};
  size_t length = 0;
  const auto add = [&](const char* part) {
    while (*part != '\0' && length < 255) path.wide[length++] = static_cast<uint8_t>(*part++);
  };
  add(folder);
  add("\\");
  add(name);
  return path;
}

Problem problem(const char* name, const char* words) {
  return Problem{Text(name).add(": ").add(words)};
}

Problem problem(const char* name, const char* words, EFI_STATUS status) {
  return Problem{Text(name).add(": ").add(words).add(", status ").add_hex(status)};
}

}  // namespace

// Load options may be anything: firmware puts binary data there for boot entries of its own.
// Only UCS-2 ASCII text that holds a word "folder=\..." is ours.
void Firmware::parse_load_options(const EFI_LOADED_IMAGE_PROTOCOL& loaded) {
  static constexpr char key[] = "folder=";
  constexpr size_t key_size = sizeof key - 1;
  const auto* options = static_cast<const uint8_t*>(loaded.LoadOptions);
  const size_t count = options == nullptr ? 0 : loaded.LoadOptionsSize / 2;
  const auto at = [&](size_t i) -> uint16_t {
    return i < count ? static_cast<uint16_t>(options[2 * i] | (options[2 * i + 1] << 8)) : 0;
  };
  for (size_t start = 0; start < count; ++start) {
    if (start > 0 && at(start - 1) != ' ') continue;
    size_t matched = 0;
    while (matched < key_size && at(start + matched) == static_cast<uint8_t>(key[matched])) {
      ++matched;
    }
    if (matched < key_size || at(start + key_size) != '\\') continue;
    size_t length = 0;
    for (size_t i = start + key_size; at(i) > ' ' && at(i) < 0x7f && length < max_folder; ++i) {
      folder_[length++] = static_cast<char>(at(i));
    }
    folder_[length] = '\0';
    return;
  }
}

Text Firmware::open_volume() {
  const auto* loaded = protocol<EFI_LOADED_IMAGE_PROTOCOL>(image_, EFI_LOADED_IMAGE_PROTOCOL_GUID);
  if (loaded == nullptr) return Text("firmware does not say where the loader came from");
  parse_load_options(*loaded);
  auto* volume = protocol<EFI_SIMPLE_FILE_SYSTEM_PROTOCOL>(loaded->DeviceHandle,
                                                           EFI_SIMPLE_FILE_SYSTEM_PROTOCOL_GUID);
  if (volume == nullptr) return Text("the loader was not started from a file system");
  const EFI_STATUS status = volume->OpenVolume(volume, &root_);
  if (status != EFI_SUCCESS) return Text("cannot open the EFI partition, status ").add_hex(status);
  return Text();
}

Outcome<Bytes> Firmware::read_file(const char* name) {
  FileName path = join(folder_, name);
  EFI_FILE_HANDLE file = nullptr;
  EFI_STATUS status = root_->Open(root_, &file, path.wide, EFI_FILE_MODE_READ, 0);
  if (status == EFI_NOT_FOUND) {
    return Problem{Text(name).add(": missing in ").add(folder_).add(" of the EFI partition")};
  }
  if (status != EFI_SUCCESS) return problem(name, "cannot be opened", status);

  alignas(EFI_FILE_INFO) uint8_t info_bytes[sizeof(EFI_FILE_INFO) + 256 * sizeof(CHAR16)];
  auto* info = reinterpret_cast<EFI_FILE_INFO*>(info_bytes);
  UINTN info_size = sizeof info_bytes;
  EFI_GUID id = file_info_id;
  status = file->GetInfo(file, &id, &info_size, info);
  if (status != EFI_SUCCESS || (info->Attribute & EFI_FILE_DIRECTORY) != 0) {
    file->Close(file);
    return problem(name, "is not a file");
  }

  const uint64_t size = info->FileSize;
  const uint64_t base = allocate_pages(size / page_size + 1);
  if (base == 0) {
    file->Close(file);
    return Problem{Text(name).add(": no memory for ").add_decimal(size).add(" bytes")};
  }
  auto* bytes = reinterpret_cast<uint8_t*>(base);
  uint64_t done = 0;
  while (done < size) {
    UINTN chunk = size - done;
    status = file->Read(file, &chunk, bytes + done);
    if (status != EFI_SUCCESS || chunk == 0) break;
    done += chunk;
  }
  file->Close(file);
  if (done < size) return problem(name, "cannot be read", status);
  __builtin_memset(bytes + size, 0, (size / page_size + 1) * page_size - size);
  return Bytes{bytes, size};
}

}  // namespace boot
