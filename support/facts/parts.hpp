// The parts of the facts, for facts.cpp and the tests.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/facts/facts.hpp"
#include "support/json_writer.hpp"

namespace jetpack::support::facts {

// The file below the root, as UTF-8; "" when it cannot be read.
std::string text_of_file(const Sources& sources, const std::string& path);
bool exists(const Sources& sources, const std::string& path);
// Whether the system's directories of programs have it; not /usr/local, which may be on a file server.
bool has_program(const Sources& sources, const std::string& name);

// Calls `take(line)` for each line, without its end.
template <class Take>
void each_line(std::string_view text, Take take) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    take(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
}

// Separated by blanks and tabs.
std::vector<std::string> words_of(std::string_view text);

// Runs `answer` in a forked child, which may hang: what it returned, or nullopt when the deadline
// has passed, or while one that the kernel did not end is left. `answer` must not throw.
std::optional<std::string> ask_in_child(std::chrono::milliseconds deadline,
                                        const std::function<std::string()>& answer);

struct Platform {
  std::string name, version;
  std::string family;  // empty: Ohai knows none
};
Platform platform_of(const Sources& sources);
void add_platform(const Sources& sources, const Platform& platform, Object& facts);

void add_kernel(const Platform& platform, Object& facts);
void add_cpu(const Sources& sources, Object& facts);
void add_memory(const Sources& sources, Object& facts);
void add_uptime(const Sources& sources, Object& facts);
// "6 hours 38 minutes 37 seconds"
std::string duration_text(int64_t seconds);

struct Names {
  std::string machine, host, full, domain;
};
// From what the kernel calls the host.
Names names_of(const Sources& sources, const std::string& machine);
Names names_of_this_host(const Sources& sources);

void add_filesystem(const Sources& sources, Object& facts);

// The vendor, as in "Microsoft Corporation".
std::string dmi(const Sources& sources, const char* field);
void add_virtualization(const Sources& sources, Object& facts);
void add_cloud(const Sources& sources, const std::string& ipv4, const Names& names, Object& facts);

}  // namespace jetpack::support::facts
