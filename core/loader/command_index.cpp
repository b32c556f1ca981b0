// Which plugin has which command, kept in a file so that not every run reads the notes of all plugins.
#include "loader/command_index.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

#include <jetpack/error.hpp>
#include "support/files.hpp"
#include "support/program.hpp"
#include "support/trust.hpp"

namespace jetpack {

namespace {

// The first line has this, and the search path. Each further one begins with its kind:
//   w STAMP PATH                     what the index was made from
//   p ORIGIN BUNDLE_SIZE PATH        a plugin
//   c PLUGIN NAME TAB SUMMARY        a command
//   e                                the end
constexpr std::string_view index_format = "jetpack commands 1 " JETPACK_VERSION " ";
constexpr uint64_t max_index_size = 1 << 20;
constexpr int64_t second_ns = 1'000'000'000;

int64_t nanoseconds(const timespec& time) { return time.tv_sec * second_ns + time.tv_nsec; }

// Changes with the file: also when it is replaced, or overwritten in place. "-" when there is none.
class Stamp {
 public:
  // `path` is from `directory`, unless it is absolute.
  explicit Stamp(const char* path, int directory = AT_FDCWD) {
    struct stat info {};
    if (::fstatat(directory, path, &info, 0) != 0) return;
    const int64_t modified = nanoseconds(info.st_mtim), changed = nanoseconds(info.st_ctim);
    newest_ = std::max(modified, changed);
    char* end = write(text_.data(), info.st_dev);
    for (const auto number : {static_cast<int64_t>(info.st_ino), static_cast<int64_t>(info.st_size),
                              modified, changed}) {
      *end++ = ',';
      end = write(end, number);
    }
    size_ = static_cast<size_t>(end - text_.data());
  }

  std::string_view text() const { return {text_.data(), size_}; }
  int64_t newest() const { return newest_; }  // of its times, in ns since 1970

 private:
  char* write(char* to, auto number) {
    return std::to_chars(to, text_.data() + text_.size(), number).ptr;
  }

  static constexpr size_t numbers = 5, longest = 21;  // with its sign, or a comma
  std::array<char, numbers * longest> text_{'-'};
  size_t size_ = 1;
  int64_t newest_ = 0;
};

// The text up to `end`, which is taken away with it; nullopt when there is none.
std::optional<std::string_view> take_until(std::string_view& text, char end) {
  const size_t at = text.find(end);
  if (at == std::string_view::npos) return std::nullopt;
  const auto part = text.substr(0, at);
  text.remove_prefix(at + 1);
  return part;
}

bool read_number(std::optional<std::string_view> text, auto& number) {
  if (!text) return false;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  return error == std::errc() && end == text->data() + text->size();
}

std::vector<char> read_text(const std::string& file) {
  const support::Fd fd(
      ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) return {};
  const bool is_ours = info.st_uid == 0 || info.st_uid == ::geteuid();
  const auto size = static_cast<uint64_t>(info.st_size);
  if (!is_ours || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0 || size > max_index_size) return {};
  std::vector<char> text(size);
  if (::read(fd.get(), text.data(), size) != info.st_size) return {};
  return text;
}

// Compares stamps with those of the files.
class Watched {
 public:
  bool is_unchanged(std::string_view line) {
    const auto stamp = take_until(line, ' ');
    if (!stamp) return false;
    const std::string path(line);
    const size_t slash = line.rfind('/');
    if (slash == std::string_view::npos || line.substr(0, slash) != directory_path_) {
      // A directory, perhaps, with what is in it on the next lines.
      directory_path_ = line;
      directory_.close();
      return Stamp(path.c_str()).text() == *stamp;
    }
    // So that its path is walked once, and not for each file.
    if (!directory_)
      directory_ =
          support::Fd(::open(path.substr(0, slash).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    return (directory_ ? Stamp(path.c_str() + slash + 1, directory_.get()) : Stamp(path.c_str()))
               .text() == *stamp;
  }

 private:
  std::string_view directory_path_;
  support::Fd directory_;
};

}  // namespace

std::optional<CommandIndex> CommandIndex::read(const std::string& file,
                                               std::string_view search_path) {
  CommandIndex index;
  index.text_ = read_text(file);
  if (index.text_.empty() || !index.parse(search_path)) return std::nullopt;
  return index;
}

bool CommandIndex::parse(std::string_view search_path) {
  std::string_view rest(text_.data(), text_.size());
  auto line = take_until(rest, '\n');
  if (!line || !line->starts_with(index_format) || line->substr(index_format.size()) != search_path)
    return false;
  constexpr size_t usual = 128;
  commands_.reserve(usual);
  Watched watched;
  while ((line = take_until(rest, '\n'))) {
    if (*line == "e") return rest.empty();
    const bool is_watched = line->starts_with("w ");
    if (is_watched ? !watched.is_unchanged(line->substr(2)) : !parse_line(*line)) return false;
  }
  return false;
}

bool CommandIndex::parse_line(std::string_view line) {
  const auto kind = take_until(line, ' ');
  if (kind == "p") {
    Plugin& plugin = plugins_.emplace_back();
    const auto origin = take_until(line, ' ');
    if (!origin || origin->size() != 1) return false;
    plugin.origin = origin->front();
    if (!read_number(take_until(line, ' '), plugin.bundle_size)) return false;
    plugin.path = line;
    return plugin.bundle_size <= line.size();
  }
  if (kind != "c") return false;
  Command& command = commands_.emplace_back();
  if (!read_number(take_until(line, ' '), command.plugin)) return false;
  const auto name = take_until(line, '\t');
  if (!name || command.plugin >= plugins_.size()) return false;
  command.name = *name;
  command.summary = line;
  return true;
}

const CommandIndex::Command* CommandIndex::find(std::string_view name) const {
  const auto at = std::lower_bound(
      commands_.begin(), commands_.end(), name,
      [](const Command& command, std::string_view wanted) { return command.name < wanted; });
  return at != commands_.end() && at->name == name ? &*at : nullptr;
}

CommandIndexWriter::CommandIndexWriter(std::string_view search_path)
    : is_whole_(search_path.find('\n') == std::string_view::npos) {
  text_.append(index_format).append(search_path).append(1, '\n');
  watch(support::program_path());
}

void CommandIndexWriter::add_line(char kind, std::string_view text) {
  is_whole_ = is_whole_ && text.find('\n') == std::string_view::npos;
  text_.append(1, kind).append(1, ' ').append(text).append(1, '\n');
}

void CommandIndexWriter::watch(const std::string& path) {
  const Stamp stamp(path.c_str());
  newest_ = std::max(newest_, stamp.newest());
  std::string line(stamp.text());
  add_line('w', line.append(1, ' ').append(path));
}

size_t CommandIndexWriter::add_plugin(const CommandIndex::Plugin& plugin) {
  std::string line{plugin.origin, ' '};
  line.append(std::to_string(plugin.bundle_size)).append(1, ' ').append(plugin.path);
  add_line('p', line);
  return plugins_++;
}

void CommandIndexWriter::add_command(const CommandIndex::Command& command) {
  std::string line = std::to_string(command.plugin) + ' ';
  line.append(command.name).append(1, '\t').append(command.summary);
  add_line('c', line);
}

void CommandIndexWriter::save(const std::string& file) const {
  const int64_t now = nanoseconds([] {
    timespec time{};
    ::clock_gettime(CLOCK_REALTIME, &time);
    return time;
  }());
  if (!is_whole_ || text_.size() + 2 > max_index_size || newest_ > now - second_ns) return;
  try {
    const std::string directory = support::parent_directory(file);
    struct stat info {};
    if (::stat(directory.c_str(), &info) != 0 || info.st_uid != ::geteuid()) return;
    support::write_durably(support::TrustedTree(directory).path() + file.substr(directory.size()),
                           text_ + "e\n", 0644);
  } catch (const Error&) {
    // Where it cannot be kept, notes are read each time.
  }
}

}  // namespace jetpack
