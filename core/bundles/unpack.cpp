// Writes a bundle's files to a directory, and checks each against the manifest while it is written.
#include "bundles/unpack.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <set>

#include <jetpack/error.hpp>
#include "bundles/store.hpp"
#include "loader/refusal.hpp"
#include "support/encoding.hpp"
#include "support/file_errors.hpp"
#include "support/files.hpp"
#include "support/sha256.hpp"

namespace jetpack::bundles {

namespace {

constexpr unsigned file_mode = 0644, program_mode = 0755, directory_mode = 0755;

// A new file, open for writing; it has its mode from the start.
class NewFile {
 public:
  NewFile(const std::string& path, bool is_executable)
      : path_(path),
        fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)) {
    if (!fd_ || ::fchmod(fd_.get(), is_executable ? program_mode : file_mode) != 0)
      support::fail_on_file("create", path, errno);
  }
  void write(std::string_view bytes) const {
    if (const int error = support::write_all(fd_.get(), bytes); error != 0)
      support::fail_on_file("write", path_, error);
  }
  void finish() const {
    if (::fsync(fd_.get()) != 0) support::fail_on_file("write", path_, errno);
  }

 private:
  std::string path_;
  support::Fd fd_;
};

void write_text(const std::string& path, std::string_view text) {
  const NewFile file(path, false);
  file.write(text);
  file.finish();
}

// Creates the directories of a file, which are remembered.
void create_parents(const std::string& root, const std::string& path,
                    std::set<std::string>& created) {
  for (size_t at = path.find('/'); at != std::string::npos; at = path.find('/', at + 1)) {
    const std::string directory = path_below(root, path.substr(0, at));
    if (!created.insert(directory).second) continue;
    if (::mkdir(directory.c_str(), directory_mode) != 0 ||
        ::chmod(directory.c_str(), directory_mode) != 0)
      support::fail_on_file("create", directory, errno);
  }
}

void copy_checked(const Content& content, size_t index, const Judged& bundle, const Sink& to) {
  const std::string& path = content.entries()[index].path;
  const std::string digest = digest_of(content, index, to);
  if (digest != bundle.manifest.files.at(path).sha256)
    throw Refusal("its file '" + path + "' is not what its manifest says: its SHA-256 is " +
                  digest);
}

bool is_listed(const Entry& entry) {
  return entry.path != manifest_name && entry.path != signature_name;
}

}  // namespace

std::string digest_of(const Content& content, size_t index, const Sink& also) {
  support::Sha256 digest;
  content.read(index, [&](std::string_view piece) {
    digest.update(piece);
    if (also) also(piece);
  });
  return support::hex(digest.finish());
}

void check_digests(const Content& content, const Judged& bundle) {
  for (size_t i = 0; i < content.entries().size(); ++i)
    if (is_listed(content.entries()[i])) copy_checked(content, i, bundle, nullptr);
}

void unpack(const Content& content, const Judged& bundle, const std::string& directory) {
  std::set<std::string> created;
  for (size_t i = 0; i < content.entries().size(); ++i) {
    const Entry& entry = content.entries()[i];
    if (!is_listed(entry)) continue;
    create_parents(directory, entry.path, created);
    const NewFile file(path_below(directory, entry.path), entry.is_executable);
    copy_checked(content, i, bundle, [&](std::string_view piece) { file.write(piece); });
    file.finish();
  }
  // The manifest as it was judged, not as it would be read now.
  write_text(directory + '/' + std::string(manifest_name), bundle.manifest_text);
  if (!bundle.signature_text.empty())
    write_text(directory + '/' + std::string(signature_name), bundle.signature_text);
  for (const auto& made : created) sync_path(made);
  sync_path(directory);
}

}  // namespace jetpack::bundles
