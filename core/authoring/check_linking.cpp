// Examines how a plugin's library was linked: what it exports, what it lacks, and where it will run.
#include <dlfcn.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include <jetpack/abi.h>
#include "authoring/check.hpp"

namespace jetpack::authoring {

namespace {

constexpr std::string_view glibc_prefix = "GLIBC_";
// The oldest that jetpack runs on.
constexpr std::pair<int, int> oldest_glibc{2, 28};
constexpr uint64_t usual_size = 4 << 20;
// Compilers add one of their own, frame_dummy.
constexpr uint64_t usual_constructors = 1;

std::string joined(const std::vector<std::string>& names) {
  constexpr size_t shown = 5;
  std::string text;
  for (size_t i = 0; i < names.size() && i < shown; ++i) text += (i > 0 ? ", " : "") + names[i];
  if (names.size() > shown) text += " and " + std::to_string(names.size() - shown) + " more";
  return text;
}

void check_exports(const ElfImage& image, Findings& findings) {
  std::vector<std::string> others;
  const Symbol* entry = nullptr;
  for (const auto& symbol : image.exported())
    if (symbol.name == JP_ENTRY) {
      entry = &symbol;
    } else {
      others.push_back(symbol.name);
    }
  if (entry == nullptr)
    return findings.fail("exported symbols", JP_ENTRY
                         " is missing; declare the plugin with JETPACK_PLUGIN, or define "
                         "it with JP_EXPORT");
  if (!entry->is_data || entry->size < sizeof(jp_plugin))
    return findings.fail("exported symbols",
                         JP_ENTRY " is not a jp_plugin: " + std::to_string(entry->size) +
                             " bytes of " + (entry->is_data ? "data" : "code"));
  if (others.empty()) return findings.ok("exported symbols", JP_ENTRY " alone");
  findings.warn("exported symbols",
                "exports " + joined(others) +
                    " besides " JP_ENTRY
                    "; link with what 'pkg-config --libs jetpack-plugin' prints");
}

// Loads the libraries that the plugin is linked to, never the plugin itself.
void check_undefined(const ElfImage& image, Findings& findings) {
  std::vector<void*> libraries;
  for (const auto& name : image.needed()) {
    void* library = ::dlopen(name.c_str(), RTLD_LAZY | RTLD_LOCAL);
    // A library beside the plugin, which the runtime search path leads to, is not examined.
    if (library == nullptr && !image.search_path())
      findings.warn("libraries", name + " is not installed on this machine");
    libraries.push_back(library);
  }
  const bool all_found = std::find(libraries.begin(), libraries.end(), nullptr) == libraries.end();
  std::vector<std::string> missing;
  for (const auto& symbol : image.undefined()) {
    if (symbol.is_weak || !symbol.version.empty() || !all_found) continue;
    const bool found = std::any_of(libraries.begin(), libraries.end(), [&](void* library) {
      return ::dlsym(library, symbol.name.c_str()) != nullptr;
    });
    if (!found) missing.push_back(symbol.name);
  }
  for (void* library : libraries)
    if (library != nullptr) ::dlclose(library);
  if (missing.empty()) return findings.ok("undefined symbols", "none");
  findings.fail("undefined symbols",
                "no library that it is linked to has " + joined(missing) +
                    "; link with -Wl,-z,defs, which jetpack-plugin.pc brings, to see where");
}

void check_floor(const ElfImage& image, Findings& findings) {
  std::pair<int, int> newest{0, 0};
  for (const auto& version : image.versions()) {
    if (!version.starts_with(glibc_prefix)) continue;
    std::pair<int, int> found{0, 0};
    const char* end = version.data() + version.size();
    const auto major = std::from_chars(version.data() + glibc_prefix.size(), end, found.first);
    if (major.ptr != end) std::from_chars(major.ptr + 1, end, found.second);
    newest = std::max(newest, found);
  }
  const auto shown = [](const std::pair<int, int>& version) {
    return std::to_string(version.first) + '.' + std::to_string(version.second);
  };
  if (newest <= oldest_glibc)
    return findings.ok("glibc", "runs on " + shown(oldest_glibc) + " and newer");
  findings.warn("glibc", "needs " + shown(newest) + "; jetpack runs on " + shown(oldest_glibc) +
                             " and newer; build on the oldest distribution that it is for");
}

void check_search_path(const ElfImage& image, Findings& findings) {
  if (!image.search_path()) return findings.ok("search path", "none");
  const std::string& path = *image.search_path();
  for (size_t start = 0; start <= path.size();) {
    const size_t end = std::min(path.find(':', start), path.size());
    const auto part = std::string_view(path).substr(start, end - start);
    if (!part.starts_with("$ORIGIN") && !part.starts_with("${ORIGIN}"))
      return findings.fail("search path",
                           "'" + path +
                               "': libraries would be loaded from outside of the plugin; "
                               "remove it, or begin it with $ORIGIN");
    start = end + 1;
  }
  findings.ok("search path", path);
}

void check_loading(const ElfImage& image, Findings& findings) {
  if (image.has_executable_stack())
    findings.fail("stack", "executable; link with -Wl,-z,noexecstack");
  if (image.has_text_relocations()) findings.fail("relocations", "in its code; compile with -fPIC");
  if (!image.binds_now())
    findings.warn("binding", "lazy; link with -Wl,-z,now, which jetpack-plugin.pc brings");
  if (image.constructors() > usual_constructors) {
    findings.warn("static constructors",
                  std::to_string(image.constructors() - usual_constructors) +
                      " run whenever it is loaded; make the objects constexpr or local");
  } else {
    findings.ok("static constructors", "none");
  }
}

}  // namespace

void check_linking(const ElfImage& image, Findings& findings) {
  check_exports(image, findings);
  check_undefined(image, findings);
  check_loading(image, findings);
  check_search_path(image, findings);
  check_floor(image, findings);
  const std::string size = std::to_string((image.size() + 1023) >> 10) + " KiB";
  if (image.size() > usual_size && image.has_debug_information()) {
    findings.warn("size", size + "; strip it: most is for the debugger");
  } else {
    findings.ok("size", size);
  }
}

}  // namespace jetpack::authoring
