// Report: the rows of one hosted benchmark, as a table and as JSON.
#pragma once

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

namespace bench {

#if defined(__x86_64__)
inline constexpr const char* host_arch = "x86_64";
#else
inline constexpr const char* host_arch = "aarch64";
#endif

class Report {
 public:
  explicit Report(const char* suite) : suite_(suite) {
    std::printf("%-44s %14s %12s %12s %8s  %s\n", suite, "unit", "ours", "peer", "ratio", "beside");
  }

  // ratio = ours / peer; smaller is better unless `higher_is_better`.
  void row(const std::string& name, const char* unit, double ours, double peer,
           const char* peer_name, const char* higher_is_better = nullptr) {
    std::fflush(stdout);
    std::printf("%-44s %14s %12.1f %12.1f %8.3f  %s\n", name.c_str(), unit, ours, peer, ours / peer,
                peer_name);
    char line[512];
    std::snprintf(line, sizeof line,
                  "{\"suite\": \"%s\", \"arch\": \"%s\", \"row\": \"%s\", \"unit\": \"%s\", "
                  "\"ours\": %.3f, \"peer\": %.3f, \"peer_name\": \"%s\", \"ratio\": %.4f%s}",
                  suite_, host_arch, name.c_str(), unit, ours, peer, peer_name, ours / peer,
                  higher_is_better != nullptr ? ", \"higher_is_better\": true" : "");
    rows_.push_back(line);
  }

  // Writes the rows to the file named by "--json FILE", if that is among the arguments. The exit
  // status of the program.
  int finish(int argc, char** argv) const {
    if (argc == 1) return 0;
    if (argc != 3 || std::strcmp(argv[1], "--json") != 0) {
      std::fprintf(stderr, "usage: %s [--json FILE]\n", argv[0]);
      return 2;
    }
    std::FILE* file = std::fopen(argv[2], "w");
    if (file == nullptr) {
      std::perror(argv[2]);
      return 1;
    }
    std::fprintf(file, "[");
    for (size_t i = 0; i < rows_.size(); ++i) {
      std::fprintf(file, "%s%s", i == 0 ? "" : ",\n ", rows_[i].c_str());
    }
    std::fprintf(file, "]\n");
    return std::fclose(file) == 0 ? 0 : 1;
  }

 private:
  const char* suite_;
  std::vector<std::string> rows_;
};

}  // namespace bench
