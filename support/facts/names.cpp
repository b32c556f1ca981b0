// What this host is called.
#include <netdb.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include "support/facts/parts.hpp"
#include "support/text.hpp"
#include "support/utf8.hpp"

namespace jetpack::support::facts {

namespace {

// The first name on the line of /etc/hosts that has this one; "" when there is none.
std::string name_in_hosts(const Sources& sources, const std::string& name) {
  std::string found;
  const std::string text = text_of_file(sources, "/etc/hosts");
  each_line(text, [&](std::string_view line) {
    if (!found.empty()) return;
    const auto words = words_of(trimmed(line.substr(0, line.find('#'))));
    for (size_t i = 1; i < words.size(); ++i)
      if (lower_case(words[i]) == lower_case(name)) found = words[1];
  });
  return found;
}

// By the name service, which may ask servers that do not answer.
std::string name_of_service(const std::string& name) {
  addrinfo hints{};
  hints.ai_flags = AI_CANONNAME;
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(name.c_str(), nullptr, &hints, &found) != 0) return {};
  std::string full = found->ai_canonname == nullptr ? "" : found->ai_canonname;
  ::freeaddrinfo(found);
  return full;
}

std::string full_name(const Sources& sources, const std::string& machine) {
  std::string name = name_in_hosts(sources, machine);
  if (!name.empty() || !sources.root.empty()) return name;
  auto answer = ask_in_child(sources.name_deadline, [&] { return name_of_service(machine); });
  if (!answer && sources.warn)
    sources.warn("the name service did not say this host's full name within " +
                 std::to_string(sources.name_deadline.count()) + " ms; using the short one");
  return well_formed(answer.value_or(""));
}

}  // namespace

Names names_of(const Sources& sources, const std::string& machine) {
  Names names;
  names.machine = machine;
  names.host = machine.substr(0, machine.find('.'));
  names.full = machine.empty() ? "" : full_name(sources, machine);
  if (names.full.empty()) names.full = machine;
  const size_t dot = names.full.find('.', 1);
  if (dot != std::string::npos) names.domain = names.full.substr(dot + 1);
  return names;
}

Names names_of_this_host(const Sources& sources) {
  if (!sources.root.empty())
    return names_of(sources,
                    std::string(trimmed(text_of_file(sources, "/proc/sys/kernel/hostname"))));
  utsname system{};
  ::uname(&system);
  return names_of(sources, well_formed(system.nodename));
}

}  // namespace jetpack::support::facts
