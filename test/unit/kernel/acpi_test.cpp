// acpi_test.cpp: tables as firmware should and should not write them.
#include <catch2/catch.hpp>
#include <cstring>
#include <random>

#include "kernel/driver/acpi.h"
#include "kernel/driver/acpi_tables.h"
#include "kernel/driver/aml_sleep.h"
#include "test/unit/kernel/fakes.h"

using namespace kernel;

namespace {

using Bytes = std::vector<uint8_t>;

template <typename T>
void append(Bytes& to, const T& object) {
  const auto* from = reinterpret_cast<const uint8_t*>(&object);
  to.insert(to.end(), from, from + sizeof(object));
}

uint8_t sum(const uint8_t* bytes, size_t size) {
  uint8_t total = 0;
  for (size_t i = 0; i < size; ++i) {
    total = uint8_t(total + bytes[i]);
  }
  return total;
}

void seal(Bytes& table) {
  auto* header = reinterpret_cast<acpi::Header*>(table.data());
  header->length = uint32_t(table.size());
  header->checksum = 0;
  header->checksum = uint8_t(0 - sum(table.data(), table.size()));
}

template <typename T>
T with_signature(const char* signature) {
  T table{};
  memcpy(table.header.signature, signature, 4);
  return table;
}

Bytes make_madt() {
  Bytes table;
  auto head = with_signature<acpi::MadtHeader>("APIC");
  head.local_apic = 0xfee00000;
  head.flags = 1;
  append(table, head);
  append(table, acpi::MadtLocalApic{{0, sizeof(acpi::MadtLocalApic)}, 0, 0, 1});
  append(table, acpi::MadtLocalApic{{0, sizeof(acpi::MadtLocalApic)}, 1, 4, 1});
  append(table, acpi::MadtLocalApic{{0, sizeof(acpi::MadtLocalApic)}, 2, 6, 0});  // not usable
  append(table, acpi::MadtIoApic{{1, sizeof(acpi::MadtIoApic)}, 2, 0, 0xfec00000, 0});
  append(table, acpi::MadtOverride{{2, sizeof(acpi::MadtOverride)}, 0, 0, 2, 0});
  append(table, acpi::MadtOverride{{2, sizeof(acpi::MadtOverride)}, 0, 9, 9, 0xd | 0x2});
  append(table, acpi::MadtGicd{{12, sizeof(acpi::MadtGicd)}, 0, 0, 0x8000000, 0, 3, {}});
  seal(table);
  return table;
}

Bytes make_spcr() {
  Bytes table;
  auto spcr = with_signature<acpi::SpcrTable>("SPCR");
  spcr.interface_type = 3;
  spcr.registers = {0, 32, 0, 3, 0x9000000};
  spcr.interrupt_type = 8;
  spcr.gsi = 33;
  append(table, spcr);
  seal(table);
  return table;
}

// Puts RSDP, XSDT and `tables` into fake memory.
void install(const std::vector<Bytes>& tables) {
  acpi::Rsdp rsdp{};
  memcpy(rsdp.signature, "RSD PTR ", 8);
  rsdp.revision = 2;
  rsdp.length = sizeof(rsdp);
  rsdp.xsdt = fake::memory_base + sizeof(rsdp);
  rsdp.checksum = uint8_t(0 - sum(reinterpret_cast<uint8_t*>(&rsdp), acpi::rsdp_v1_size));
  rsdp.extended_checksum = uint8_t(0 - sum(reinterpret_cast<uint8_t*>(&rsdp), sizeof(rsdp)));
  Bytes root;
  acpi::Header header{};
  memcpy(header.signature, "XSDT", 4);
  append(root, header);
  uint64_t at = rsdp.xsdt + sizeof(header) + 8 * tables.size();
  for (const Bytes& table : tables) {
    append(root, at);
    at += table.size();
  }
  seal(root);
  fake::memory.clear();
  append(fake::memory, rsdp);
  fake::memory.insert(fake::memory.end(), root.begin(), root.end());
  for (const Bytes& table : tables) {
    fake::memory.insert(fake::memory.end(), table.begin(), table.end());
  }
  fake::memory.shrink_to_fit();
  fake::info.acpi_rsdp = fake::memory_base;
  fake::log.clear();
}

}  // namespace

TEST_CASE("tables_of_a_good_machine_are_understood") {
  install({make_madt(), make_spcr()});
  read_acpi();
  const Madt& madt = platform().madt;
  CHECK(fake::log.empty());
  REQUIRE(madt.present);
  CHECK(madt.local_apic == 0xfee00000);
  CHECK(madt.has_8259);
  REQUIRE(madt.cpus.count == 2);
  CHECK(madt.cpus.items[1].hardware_id == 4);
  REQUIRE(madt.io_apics.count == 1);
  CHECK(madt.io_apics.items[0].base == 0xfec00000);
  REQUIRE(madt.overrides.count == 2);
  CHECK(madt.overrides.items[0].gsi == 2);
  CHECK(madt.overrides.items[1].level);
  CHECK(madt.overrides.items[1].active_low);
  CHECK(madt.gic_version == 3);
  REQUIRE(platform().spcr.present);
  CHECK(platform().spcr.interface_type == 3);
  CHECK(platform().spcr.registers.address == 0x9000000);
  CHECK(platform().spcr.interrupt == 33);
  CHECK_FALSE(platform().fadt.present);
}

TEST_CASE("no_rsdp_leaves_the_platform_empty_and_says_so") {
  install({make_madt()});
  fake::info.acpi_rsdp = 0;
  read_acpi();
  CHECK(fake::logged("no usable RSDP"));
  CHECK_FALSE(platform().madt.present);
}

TEST_CASE("bad_checksums_are_named") {
  SECTION("of the RSDP") {
    install({make_madt()});
    fake::memory[9] ^= 1;
    read_acpi();
    CHECK(fake::logged("no usable RSDP"));
  }
  SECTION("of a table") {
    Bytes madt = make_madt();
    madt.back() ^= 1;
    install({madt, make_spcr()});
    read_acpi();
    CHECK(fake::logged("table APIC"));
    CHECK(fake::logged("bad checksum"));
    CHECK(platform().spcr.present);
  }
  CHECK_FALSE(platform().madt.present);
}

TEST_CASE("entries_with_bad_lengths_end_the_walk") {
  for (const uint8_t length : std::initializer_list<uint8_t>{0, 1, 255}) {
    Bytes madt = make_madt();
    madt[sizeof(acpi::MadtHeader) + 1] = length;
    seal(madt);
    install({madt});
    read_acpi();
    CHECK(fake::logged("bad length"));
    CHECK(platform().madt.cpus.count == 0);
  }
}

TEST_CASE("surplus_processors_are_counted_not_stored") {
  Bytes madt = make_madt();
  for (unsigned i = 0; i < 100; ++i) {
    append(madt, acpi::MadtLocalApic{{0, sizeof(acpi::MadtLocalApic)}, 0, uint8_t(i), 1});
  }
  seal(madt);
  install({madt});
  read_acpi();
  CHECK(platform().madt.cpus.count == 64);
  CHECK(platform().madt.cpus.dropped == 38);
  CHECK(fake::logged("38 processors too many"));
}

TEST_CASE("random_damage_with_good_checksums_harms_nobody") {
  const unsigned seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  Bytes fadt;
  append(fadt, with_signature<acpi::FadtTable>("FACP"));
  seal(fadt);
  Bytes gtdt;
  append(gtdt, with_signature<acpi::GtdtTable>("GTDT"));
  seal(gtdt);
  for (unsigned round = 0; round < 3000; ++round) {
    std::vector<Bytes> tables{make_madt(), make_spcr(), fadt, gtdt};
    for (Bytes& table : tables) {
      for (unsigned i = random() % 4; i > 0; --i) {
        table[36 + random() % (table.size() - 36)] = uint8_t(random());
      }
      table.resize(36 + random() % (table.size() - 35));
      seal(table);
    }
    install(tables);
    if (random() % 8 == 0) {
      fake::memory.resize(random() % fake::memory.size());
      fake::memory.shrink_to_fit();
    }
    read_acpi();
  }
}

TEST_CASE("soft_off_values_are_found_in_aml") {
  Bytes dsdt(36, 0);
  const auto add = [&](std::initializer_list<int> bytes) {
    for (const int byte : bytes) {
      dsdt.push_back(uint8_t(byte));
    }
  };
  SECTION("plain") {
    add({0x10, 0x20, 0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x0a, 0x05, 0x01, 0x00, 0x00});
    const auto found = find_s5(dsdt);
    REQUIRE(found);
    CHECK(found->type_a == 5);
    CHECK(found->type_b == 1);
  }
  SECTION("with a root prefix and a long length") {
    add({0x08, '\\', '_', 'S', '5', '_', 0x12, 0x47, 0x00, 0x04, 0x00, 0x00, 0x00, 0x00});
    const auto found = find_s5(dsdt);
    REQUIRE(found);
    CHECK(found->type_a == 0);
  }
  SECTION("not a package") {
    add({0x08, '_', 'S', '5', '_', 0x0a, 0x05});
    CHECK_FALSE(find_s5(dsdt));
  }
  SECTION("cut off at every byte") {
    add({0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x0a, 0x05});
    for (size_t size = 36; size <= dsdt.size(); ++size) {
      const Bytes part(dsdt.begin(), dsdt.begin() + long(size));
      CHECK_FALSE(find_s5(part));
    }
  }
}
