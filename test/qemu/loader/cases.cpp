// loader-cases.efi: starts the loader many times in one boot of the firmware.
//
// The disk's \plan.txt has one line a case: MODE NAME, where \cases\NAME is the folder that the
// loader is told to read. Modes:
//   run     start the loader; it must come back, and leave no memory allocated
//   garbage the same with binary load options, which must not be taken for ours
//   starve  start it again and again, each time with another page allocation failing, until it
//           gets as far as leaving boot services
//   exit    change the memory map behind the loader's back, so that the firmware itself refuses the
//           first ExitBootServices; any console output after that stops the machine
// Each case says on the console: "case NAME begins", what the loader prints, then
// "case NAME ended status S kept P pages" or "case NAME survived N failures".
#include "boot/uefi/efi_types.h"
#include "boot/uefi/text.h"

namespace {

using boot::Text;

EFI_HANDLE self;
EFI_SYSTEM_TABLE* table;
EFI_BOOT_SERVICES* services;

// What the hooks need; the firmware calls them, so they are plain functions.
struct Hooks {
  EFI_ALLOCATE_PAGES allocate_pages;
  EFI_EXIT_BOOT_SERVICES exit_boot_services;
  EFI_HANDLE loader;
  UINTN allocations_left;
  bool reached_exit;
} hooks;

constexpr UINTN never = ~UINTN{0};

void say(const Text& text) {
  CHAR16 wide[200];
  UINTN length = 0;
  for (const char* c = text.c_str(); *c != '\0'; ++c) wide[length++] = static_cast<UINT8>(*c);
  wide[length++] = '\r';
  wide[length++] = '\n';
  wide[length] = 0;
  table->ConOut->OutputString(table->ConOut, wide);
}

[[noreturn]] void stop(const char* why) {
  say(Text("cases: ").add(why));
  table->RuntimeServices->ResetSystem(EfiResetShutdown, EFI_ABORTED, 0, nullptr);
  for (;;) {
  }
}

EFI_STATUS EFIAPI allocate_or_fail(EFI_ALLOCATE_TYPE type, EFI_MEMORY_TYPE kind, UINTN pages,
                                   EFI_PHYSICAL_ADDRESS* base) {
  // The firmware's own drivers allocate through this table too, but never memory of a loader.
  const bool of_loader = kind == EfiLoaderCode || kind == EfiLoaderData;
  if (!of_loader) return hooks.allocate_pages(type, kind, pages, base);
  if (hooks.allocations_left == 0) return EFI_OUT_OF_RESOURCES;
  if (hooks.allocations_left != never) --hooks.allocations_left;
  return hooks.allocate_pages(type, kind, pages, base);
}

// The loader got this far: back to us, as if it had returned.
EFI_STATUS EFIAPI exit_means_success(EFI_HANDLE, UINTN) {
  hooks.reached_exit = true;
  return services->Exit(hooks.loader, EFI_SUCCESS, 0, nullptr);
}

EFI_STATUS EFIAPI no_output(SIMPLE_TEXT_OUTPUT_INTERFACE*, CHAR16*) {
  for (;;) {
  }
}

EFI_STATUS EFIAPI exit_with_stale_key(EFI_HANDLE image, UINTN key) {
  services->ExitBootServices = hooks.exit_boot_services;
  EFI_PHYSICAL_ADDRESS page = 0;
  hooks.allocate_pages(AllocateAnyPages, EfiLoaderData, 1, &page);
  table->ConOut->OutputString = no_output;
  const EFI_STATUS status = hooks.exit_boot_services(image, key);
  if (status != EFI_INVALID_PARAMETER) {
    for (;;) {
    }
  }
  return status;
}

struct File {
  UINT8* bytes;
  UINTN size;
};

template <typename Protocol>
Protocol* protocol(EFI_HANDLE handle, EFI_GUID guid) {
  void* found = nullptr;
  if (services->HandleProtocol(handle, &guid, &found) != EFI_SUCCESS) stop("no protocol");
  return static_cast<Protocol*>(found);
}

File read_file(EFI_FILE_HANDLE root, const char16_t* path) {
  constexpr UINTN limit = 1 << 20;
  EFI_FILE_HANDLE file = nullptr;
  void* memory = nullptr;
  auto* name = const_cast<CHAR16*>(reinterpret_cast<const CHAR16*>(path));
  if (root->Open(root, &file, name, EFI_FILE_MODE_READ, 0) != EFI_SUCCESS)
    stop("a file is missing");
  if (services->AllocatePool(EfiBootServicesData, limit, &memory) != EFI_SUCCESS) stop("memory");
  UINTN size = limit - 1;
  if (file->Read(file, &size, memory) != EFI_SUCCESS) stop("cannot read");
  file->Close(file);
  auto* bytes = static_cast<UINT8*>(memory);
  bytes[size] = 0;
  return File{bytes, size};
}

// Pages that loaders hold: what a failed load must give back.
UINTN loader_pages() {
  constexpr UINTN limit = 64 * 1024;
  alignas(16) static UINT8 map[limit];
  UINTN size = limit, key = 0, stride = 0, pages = 0;
  UINT32 version = 0;
  const EFI_STATUS status = services->GetMemoryMap(
      &size, reinterpret_cast<EFI_MEMORY_DESCRIPTOR*>(map), &key, &stride, &version);
  if (status != EFI_SUCCESS) stop("no memory map");
  for (UINTN at = 0; at < size; at += stride) {
    const auto* descriptor = reinterpret_cast<const EFI_MEMORY_DESCRIPTOR*>(map + at);
    if (descriptor->Type == EfiLoaderCode || descriptor->Type == EfiLoaderData) {
      pages += descriptor->NumberOfPages;
    }
  }
  return pages;
}

struct LoadOptions {
  UINT8 bytes[400];
  UINT32 size;

  void add(const char* text, UINT32 stride) {
    for (; *text != '\0'; ++text, size += stride) bytes[size] = static_cast<UINT8>(*text);
  }
};

// What a person at the UEFI shell would give: "loader.efi folder=\cases\NAME".
LoadOptions folder_option(const char* name) {
  LoadOptions options = {};
  options.add("loader.efi folder=\\cases\\", sizeof(CHAR16));
  options.add(name, sizeof(CHAR16));
  options.size += sizeof(CHAR16);
  return options;
}

// Odd in size, and the right word in the wrong encoding.
LoadOptions binary_option() {
  LoadOptions options = {};
  options.add("\xff\xfe\x01\x80 folder=\\cases\\good", 1);
  if (options.size % 2 == 0) options.size += 1;
  return options;
}

class Case {
 public:
  Case(const File& program, EFI_HANDLE device, const char* name, const LoadOptions& options)
      : program_(program), device_(device), name_(name), options_(options) {}

  void run() {
    const UINTN before = loader_pages();
    const EFI_STATUS status = start();
    const UINTN after = loader_pages();
    say(Text("case ")
            .add(name_)
            .add(" ended status ")
            .add_hex(status & 0xff)
            .add(" kept ")
            .add_decimal(after - before)
            .add(" pages"));
  }

  void starve() {
    services->ExitBootServices = exit_means_success;
    services->AllocatePages = allocate_or_fail;
    UINTN count = 0;
    for (;; ++count) {
      const UINTN before = loader_pages();
      hooks.reached_exit = false;
      hooks.allocations_left = count;
      const EFI_STATUS status = start();
      hooks.allocations_left = never;
      if (hooks.reached_exit) break;
      if (status != EFI_LOAD_ERROR) stop("a starved loader answered something else");
      if (loader_pages() != before) stop("a starved loader kept memory");
    }
    services->AllocatePages = hooks.allocate_pages;
    services->ExitBootServices = hooks.exit_boot_services;
    say(Text("case ").add(name_).add(" survived ").add_decimal(count).add(" failures"));
  }

  void stale() {
    services->ExitBootServices = exit_with_stale_key;
    start();
    say(Text("case ").add(name_).add(" came back"));
  }

 private:
  // Loads and starts the loader as a boot manager would, told to read this case's folder.
  EFI_STATUS start() {
    const UINTN left = hooks.allocations_left;
    hooks.allocations_left = never;
    EFI_HANDLE image = nullptr;
    EFI_STATUS status =
        services->LoadImage(0, self, nullptr, program_.bytes, program_.size, &image);
    if (status != EFI_SUCCESS) stop("the firmware does not load the loader");
    auto* loaded = protocol<EFI_LOADED_IMAGE_PROTOCOL>(image, EFI_LOADED_IMAGE_PROTOCOL_GUID);
    loaded->DeviceHandle = device_;
    loaded->LoadOptions = options_.bytes;
    loaded->LoadOptionsSize = options_.size;
    hooks.loader = image;
    hooks.allocations_left = left;
    return services->StartImage(image, nullptr, nullptr);
  }

  const File& program_;
  EFI_HANDLE device_;
  const char* name_;
  LoadOptions options_;
};

// Cuts one blank-separated word out of the plan; empty at its end.
char* next_word(char*& at) {
  while (*at == ' ' || *at == '\n') ++at;
  char* word = at;
  while (*at != '\0' && *at != ' ' && *at != '\n') ++at;
  if (*at != '\0') *at++ = '\0';
  return word;
}

}  // namespace

extern "C" EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE* system_table) {
  self = image;
  table = system_table;
  services = table->BootServices;
  hooks.allocate_pages = services->AllocatePages;
  hooks.exit_boot_services = services->ExitBootServices;
  hooks.allocations_left = never;

  auto* loaded = protocol<EFI_LOADED_IMAGE_PROTOCOL>(image, EFI_LOADED_IMAGE_PROTOCOL_GUID);
  auto* volume = protocol<EFI_SIMPLE_FILE_SYSTEM_PROTOCOL>(loaded->DeviceHandle,
                                                           EFI_SIMPLE_FILE_SYSTEM_PROTOCOL_GUID);
  EFI_FILE_HANDLE root = nullptr;
  if (volume->OpenVolume(volume, &root) != EFI_SUCCESS) stop("no volume");
  const File program = read_file(root, u"\\loader.efi");
  auto* plan = reinterpret_cast<char*>(read_file(root, u"\\plan.txt").bytes);
  for (;;) {
    const char mode = next_word(plan)[0];
    const char* name = next_word(plan);
    if (mode == '\0') break;
    say(Text("case ").add(name).add(" begins"));
    Case each(program, loaded->DeviceHandle, name,
              mode == 'g' ? binary_option() : folder_option(name));
    if (mode == 'r' || mode == 'g') each.run();
    if (mode == 's') each.starve();
    if (mode == 'e') each.stale();
  }
  stop("done");
}
