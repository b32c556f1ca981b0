// What an older or the original Jetpack has left, by the file names that are public.
#include <sys/stat.h>

#include <jetpack/plugin.hpp>
#include "doctor/areas.hpp"
#include "support/files.hpp"

namespace jetpack::doctor {

namespace {

constexpr uint64_t max_table = 1 << 20;

bool exists(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0;
}

// Its names are not hidden ones.
template <class Take>
void for_each_name(const std::string& directory, const Take& take) {
  const support::Directory entries(::opendir(directory.c_str()));
  if (!entries) return;
  while (const dirent* entry = ::readdir(entries.get()))
    if (entry->d_name[0] != '.') take(std::string(entry->d_name));
}

// Ours has but links to the machine's Python.
void examine_python(const std::string& embedded, Report& report) {
  struct stat info {};
  for (const char* name : {"/bin/ruby", "/bin/chef-client", "/bin/pogo", "/bin/azcopy"})
    if (exists(embedded + name)) return report.found("leftover-python", embedded + name);
  for_each_name(embedded + "/lib", [&](const std::string& name) {
    if (name.starts_with("libpython") && ::lstat((embedded + "/lib/" + name).c_str(), &info) == 0)
      report.found("leftover-python", embedded + "/lib/" + name);
  });
}

void examine_cron(const std::string& table, const std::string& home, Report& report) {
  std::string text;
  try {
    text = support::read_file(table, max_table).value_or("");
  } catch (const Error&) {
    // Not readable by this user.
    return;
  }
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (line.empty() || line[0] == '#') continue;
    const bool runs_python = line.find(home + "/system/embedded/") != std::string_view::npos;
    const bool runs_pogo = line.find("pogo ") != std::string_view::npos &&
                           line.find("chef-pogo.ini") != std::string_view::npos;
    if (runs_python || runs_pogo)
      report.found("leftover-cron", table + ": " + std::string(line.substr(0, 200)));
  }
}

}  // namespace

void examine_leftovers(const Call& call, Report& report) {
  const auto config = call.service<Config>();
  examine_python(config.path("system/embedded"), report);
  for (const char* name : {"config/chef-pogo.ini", "config/thunderball-default.ini"})
    if (exists(config.path(name))) report.found("leftover-pogo", config.path(name));
  for_each_name(config.path("config/service.d"), [&](const std::string& name) {
    if (name.ends_with(".json"))
      report.found("leftover-service", config.path("config/service.d/") + name);
  });
  const std::string home = config.path("");
  examine_cron("/etc/crontab", home, report);
  examine_cron("/var/spool/cron/crontabs/root", home, report);
  examine_cron("/var/spool/cron/root", home, report);
  for_each_name("/etc/cron.d", [&](const std::string& name) {
    examine_cron("/etc/cron.d/" + name, home, report);
  });
  if (report.findings().empty()) report.passed("nothing of an older Jetpack");
}

}  // namespace jetpack::doctor
