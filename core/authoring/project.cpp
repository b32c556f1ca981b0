// Creates the project of a new plugin from the templates of the SDK.
#include "authoring/project.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include <jetpack/command.hpp>
#include <jetpack/error.hpp>
#include "support/files.hpp"
#include "support/program.hpp"

namespace jetpack::authoring {

namespace fs = std::filesystem;

namespace {

constexpr uint64_t max_template = 1 << 20;
constexpr std::string_view name_in_path = "NAME";

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
}

std::string symbol_of(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

fs::path templates() {
  const fs::path tree = fs::path(support::program_path()).parent_path().parent_path();
  fs::path directory = tree / "share/jetpack/sdk/templates";
  if (!fs::is_directory(directory))
    throw Error(Errc::failed, "the templates are not installed: " + directory.string() +
                                  " not found; install the jetpack-sdk package");
  return directory;
}

// The directories of templates that a project is made of; a later one replaces files of an earlier one.
std::vector<std::string> layers_of(const ProjectSpec& spec) {
  if (spec.language == "bash") return {"common", "bash"};
  return {"common", spec.language, spec.language + '-' + spec.build};
}

void check_names(const ProjectSpec& spec) {
  constexpr size_t max_name = 64;
  if (!detail::is_name(spec.name, 1) || spec.name.size() > max_name)
    throw Error(Errc::usage, "'" + spec.name +
                                 "' is not a valid name: use lower-case letters, digits, - and _, "
                                 "beginning with a letter");
  const bool is_id = !spec.id.empty() && std::all_of(spec.id.begin(), spec.id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
  });
  if (!is_id || spec.id.front() == '.')
    throw Error(Errc::usage, "'" + spec.id +
                                 "' is not a valid id: use a reversed domain name, such as "
                                 "com.example." +
                                 spec.name);
}

// A new file that nothing was in the place of.
void create_file(const fs::path& path, std::string_view content, unsigned mode) {
  support::create_directories(path.parent_path().string(), 0755);
  const support::Fd file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode));
  const int error = !file ? errno : support::write_all(file.get(), content);
  if (error != 0)
    throw Error(Errc::failed,
                "cannot write " + path.string() + ": " + support::system_message(error));
}

void copy_layer(const fs::path& layer, const fs::path& directory, const ProjectSpec& spec,
                std::vector<std::string>& created) {
  for (const auto& entry : fs::recursive_directory_iterator(layer)) {
    if (!entry.is_regular_file()) continue;
    const auto content = support::read_file(entry.path().string(), max_template);
    if (!content) continue;
    std::string name = fs::relative(entry.path(), layer).string();
    replace_all(name, name_in_path, spec.name);
    // Packages of distributions leave out files whose names begin with a dot more often than not.
    if (name.starts_with("dot-")) name.replace(0, 4, ".");
    const bool runs = (entry.status().permissions() & fs::perms::owner_exec) != fs::perms::none;
    create_file(directory / name, filled_in(*content, spec), runs ? 0755 : 0644);
    created.push_back(std::move(name));
  }
}

}  // namespace

std::string filled_in(std::string_view text, const ProjectSpec& spec) {
  std::string filled(text);
  replace_all(filled, "@NAME@", spec.name);
  replace_all(filled, "@ID@", spec.id);
  replace_all(filled, "@SYMBOL@", symbol_of(spec.name));
  return filled;
}

std::vector<std::string> create_project(const ProjectSpec& spec) {
  check_names(spec);
  const fs::path source = templates(), directory = spec.directory;
  const bool existed = fs::exists(directory);
  if (existed && (!fs::is_directory(directory) || !fs::is_empty(directory)))
    throw Error(Errc::failed, spec.directory +
                                  ": exists and is not an empty directory; choose another with "
                                  "--directory");
  std::vector<std::string> created;
  try {
    for (const auto& layer : layers_of(spec)) copy_layer(source / layer, directory, spec, created);
  } catch (...) {
    std::error_code ignored;
    if (!existed) fs::remove_all(directory, ignored);
    throw;
  }
  std::sort(created.begin(), created.end());
  created.erase(std::unique(created.begin(), created.end()), created.end());
  return created;
}

std::vector<std::string> next_steps(const ProjectSpec& spec) {
  if (spec.language == "bash")
    return {"jetpack plugin check .", "jetpack plugin test . tests", "jetpack plugin pack ."};
  if (spec.build == "cmake")
    return {"cmake -B build", "cmake --build build --target check", "jetpack plugin pack build"};
  return {"meson setup build", "meson test -C build", "jetpack plugin pack build"};
}

}  // namespace jetpack::authoring
