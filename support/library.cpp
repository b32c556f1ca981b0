// Loads shared libraries that stay loaded until the process exits.
#include "support/library.hpp"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <vector>

// The default, boost::filesystem, would be another library to link.
#define BOOST_DLL_USE_STD_FS
#include <boost/dll/shared_library.hpp>

#include <jetpack/error.hpp>

namespace jetpack::support {

namespace {

bool read_at(int fd, uint64_t offset, void* to, size_t size) {
  return offset <= INT64_MAX &&
         ::pread(fd, to, size, static_cast<off_t>(offset)) == static_cast<ssize_t>(size);
}

std::string linker_message(std::string_view name, const std::string& path) {
  const char* message = ::dlerror();
  std::string text = message == nullptr ? "unknown error" : message;
  if (const size_t at = text.find(name); at != std::string::npos)
    text.replace(at, name.size(), path);
  return text;
}

}  // namespace

// What is damaged searches nowhere: the dynamic linker will say so.
bool searches_beside_itself(int fd) {
  Elf64_Ehdr header{};
  constexpr uint16_t most_segments = 256;
  if (!read_at(fd, 0, &header, sizeof header) || header.e_phnum > most_segments ||
      header.e_phentsize != sizeof(Elf64_Phdr))
    return false;
  std::vector<Elf64_Phdr> segments(header.e_phnum);
  if (!read_at(fd, header.e_phoff, segments.data(), segments.size() * sizeof(Elf64_Phdr)))
    return false;
  const auto offset_of = [&](uint64_t address) -> uint64_t {
    for (const auto& segment : segments)
      if (segment.p_type == PT_LOAD && address >= segment.p_vaddr &&
          address - segment.p_vaddr < segment.p_filesz)
        return segment.p_offset + (address - segment.p_vaddr);
    return UINT64_MAX;
  };
  std::array<Elf64_Dyn, 128> entries{};
  uint64_t strings = UINT64_MAX;
  std::vector<uint64_t> paths;
  for (const auto& segment : segments) {
    if (segment.p_type != PT_DYNAMIC) continue;
    const size_t count = std::min(segment.p_filesz / sizeof(Elf64_Dyn), entries.size());
    if (!read_at(fd, segment.p_offset, entries.data(), count * sizeof(Elf64_Dyn))) return false;
    for (size_t i = 0; i < count && entries[i].d_tag != DT_NULL; ++i) {
      if (entries[i].d_tag == DT_STRTAB) strings = offset_of(entries[i].d_un.d_ptr);
      if (entries[i].d_tag == DT_RUNPATH || entries[i].d_tag == DT_RPATH)
        paths.push_back(entries[i].d_un.d_val);
    }
  }
  if (strings == UINT64_MAX) return false;
  for (const uint64_t path : paths) {
    std::array<char, 4096> text{};
    const ssize_t size =
        ::pread(fd, text.data(), text.size() - 1, static_cast<off_t>(strings + path));
    if (size > 0 && std::string_view(text.data()).find("ORIGIN") != std::string_view::npos)
      return true;
  }
  return false;
}

const void* load_open_symbol(int fd, const std::string& path, const char* symbol) {
  const std::string name = "/proc/self/fd/" + std::to_string(fd);
  void* library = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr && ::access(name.c_str(), R_OK) != 0) return load_symbol(path, symbol);
  if (library == nullptr) throw Error(Errc::failed, linker_message(name, path));
  // The handle is the library's entry in the list for debuggers, as dlinfo(3) has it. Never freed,
  // as the library is never unloaded.
  if (char* copy = ::strdup(path.c_str())) static_cast<link_map*>(library)->l_name = copy;
  return ::dlsym(library, symbol);
}

const void* load_symbol(const std::string& path, const char* symbol) {
  // Boost passes the mode to dlopen unchanged.
  const auto mode = static_cast<boost::dll::load_mode::type>(RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  boost::dll::shared_library library;
  boost::dll::fs::error_code failure;
  library.load(path, failure, mode);
  if (!failure) return library.has(symbol) ? &library.get<const char>(symbol) : nullptr;
  const char* message = ::dlerror();
  throw Error(Errc::failed, message == nullptr ? failure.message() : message);
}

}  // namespace jetpack::support
