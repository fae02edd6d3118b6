// plugin.c: a QEMU (TCG) plugin that counts, for every instruction of the guest's kernel, how often
// it is executed inside vmbench's samples: between the first and the second, the third and the
// fourth
// ... reading of the processor's counter by vmbench.
//
// Arguments: out=FILE, start=ADDRESS (of vmbench's run_rows(), where counting begins),
// text=FIRST-END (vmbench's code). At the end FILE has a line `samples N` and lines `ADDRESS
// COUNT`.
//
// One CPU. The declarations follow QEMU's documentation of its plugin interface, version 1.
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void (*translated_t)(qemu_plugin_id_t id, struct qemu_plugin_tb* block);
typedef void (*executed_t)(unsigned cpu, void* data);
typedef void (*ended_t)(qemu_plugin_id_t id, void* data);
enum { no_registers = 0 };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, translated_t callback);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn* instruction,
                                            executed_t callback, int registers, void* data);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, ended_t callback, void* data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb* block);
struct qemu_plugin_insn* qemu_plugin_tb_get_insn(const struct qemu_plugin_tb* block, size_t index);
const void* qemu_plugin_insn_data(const struct qemu_plugin_insn* instruction);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn* instruction);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn* instruction);

#define EXPORTED __attribute__((visibility("default")))
EXPORTED int qemu_plugin_version = 1;

// Counts by address: a table with open addressing that grows by doubling. Its cells stay where they
// are, as translated code refers to them.
struct Count {
  uint64_t address, count;
};
enum { table_size = 1 << 20 };
static struct Count* table[table_size];
static const char* out;
static uint64_t start, text_first, text_end, samples;
static bool counting;

static struct Count* cell(uint64_t address) {
  size_t at = (address * 0x9e3779b97f4a7c15u) >> 44;
  while (table[at] != NULL && table[at]->address != address) at = (at + 1) % table_size;
  if (table[at] == NULL) {
    table[at] = calloc(1, sizeof(struct Count));
    if (table[at] == NULL) abort();
    table[at]->address = address;
  }
  return table[at];
}

static void on_kernel(unsigned cpu, void* data) {
  (void)cpu;
  ((struct Count*)data)->count += counting;
}

static void on_counter(unsigned cpu, void* data) {
  (void)cpu;
  (void)data;
  samples += counting;
  counting = !counting;
}

static void on_start(unsigned cpu, void* data) {
  (void)cpu;
  (void)data;
  counting = false;
  samples = 0;
  for (size_t i = 0; i < table_size; ++i) {
    if (table[i] != NULL) table[i]->count = 0;
  }
}

// RDTSC; MRS Xt, CNTVCT_EL0.
static bool reads_counter(const struct qemu_plugin_insn* instruction) {
  const unsigned char* const data = qemu_plugin_insn_data(instruction);
  const size_t size = qemu_plugin_insn_size(instruction);
  return (size == 2 && data[0] == 0x0f && data[1] == 0x31) ||
         (size == 4 && (data[0] & 0xe0) == 0x40 && data[1] == 0xe0 && data[2] == 0x3b &&
          data[3] == 0xd5);
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb* block) {
  (void)id;
  for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); ++i) {
    struct qemu_plugin_insn* const instruction = qemu_plugin_tb_get_insn(block, i);
    const uint64_t address = qemu_plugin_insn_vaddr(instruction);
    executed_t callback = NULL;
    void* data = NULL;
    if (address >> 63 != 0) {
      callback = on_kernel;
      data = cell(address);
    } else if (address == start) {
      callback = on_start;
    } else if (address >= text_first && address < text_end && reads_counter(instruction)) {
      callback = on_counter;
    }
    if (callback != NULL) {
      qemu_plugin_register_vcpu_insn_exec_cb(instruction, callback, no_registers, data);
    }
  }
}

static void on_end(qemu_plugin_id_t id, void* data) {
  (void)id;
  (void)data;
  FILE* const file = fopen(out, "w");
  if (file == NULL) {
    perror(out);
    return;
  }
  fprintf(file, "samples %" PRIu64 "\n", samples);
  for (size_t i = 0; i < table_size; ++i) {
    if (table[i] != NULL && table[i]->count != 0) {
      fprintf(file, "%" PRIx64 " %" PRIu64 "\n", table[i]->address, table[i]->count);
    }
  }
  if (fclose(file) != 0) perror(out);
}

EXPORTED int qemu_plugin_install(qemu_plugin_id_t id, const void* machine, int count,
                                 char** words) {
  (void)machine;
  for (int i = 0; i < count; ++i) {
    if (strncmp(words[i], "out=", 4) == 0) {
      out = strdup(words[i] + 4);
    } else if (strncmp(words[i], "start=", 6) == 0) {
      start = strtoull(words[i] + 6, NULL, 0);
    } else if (sscanf(words[i], "text=%" SCNx64 "-%" SCNx64, &text_first, &text_end) != 2) {
      fprintf(stderr, "plugin.c: unknown argument %s\n", words[i]);
      return 1;
    }
  }
  if (out == NULL || start == 0 || text_end <= text_first) {
    fprintf(stderr, "plugin.c: wants out=, start= and text=\n");
    return 1;
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
  qemu_plugin_register_atexit_cb(id, on_end, NULL);
  return 0;
}
