// The commands `hub backup` and `hub restore`: everything that a hub knows, as a directory of files.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <string>
#include <vector>

#include <jetpack/process.hpp>
#include "commands/commands.hpp"
#include "commands/options.hpp"
#include "commands/output.hpp"
#include "common/json.hpp"
#include "common/text.hpp"
#include "store/database.hpp"
#include "support/encoding.hpp"
#include "support/file_errors.hpp"
#include "support/file_lock.hpp"
#include "support/files.hpp"
#include "support/json_writer.hpp"
#include "support/sha256.hpp"
#include "support/text.hpp"

namespace jetpack::hub {

namespace fs = std::filesystem;

namespace {

constexpr const char* manifest_name = "backup.json";
constexpr const char* dump_name = "database.dump";
constexpr uint64_t max_manifest = 256 << 20;
constexpr int64_t manifest_schema = 1;
// Of the data directory; the database comes apart, and what is missing was never made.
constexpr const char* kept_files[] = {"tls", "blob-account.key", "azure.json", "blobs"};
// Uploads that are not finished.
constexpr const char* unfinished = ".waiting";

struct BackupFile {
  std::string path;  // in the backup
  std::string sha256;
  uint64_t size = 0;
};

// The size and hash of what is read; `use` gets it in pieces.
template <class Use>
BackupFile read_whole(const support::Fd& source, const fs::path& name, Use use) {
  support::Sha256 hash;
  BackupFile file;
  std::array<char, 65536> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): is read into
  for (ssize_t size = 0; (size = ::read(source.get(), buffer.data(), buffer.size())) != 0;) {
    if (size < 0) support::fail_on_file("read", name, errno);
    const std::string_view piece(buffer.data(), static_cast<size_t>(size));
    hash.update(piece);
    file.size += piece.size();
    use(piece);
  }
  file.sha256 = support::hex(hash.finish());
  return file;
}

support::Fd open_to_read(const fs::path& file) {
  return support::Fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
}

// Copies a file, and says what was copied; nullopt when it is gone meanwhile, as a blob may be.
std::optional<BackupFile> copied(const fs::path& from, const fs::path& to) {
  const support::Fd source = open_to_read(from);
  if (!source && errno == ENOENT) return std::nullopt;
  if (!source) support::fail_on_file("open", from, errno);
  const support::Fd copy(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!copy) support::fail_on_file("create", to, errno);
  BackupFile file = read_whole(source, from, [&](std::string_view piece) {
    if (const int error = support::write_all(copy.get(), piece))
      support::fail_on_file("write", to, error);
  });
  if (::fsync(copy.get()) != 0) support::fail_on_file("write", to, errno);
  return file;
}

// A file that another program made.
BackupFile described(const fs::path& file, const std::string& path) {
  const support::Fd source = open_to_read(file);
  if (!source || ::fchmod(source.get(), 0600) != 0 || ::fsync(source.get()) != 0)
    support::fail_on_file("open", file, errno);
  BackupFile about = read_whole(source, file, [](std::string_view) {});
  about.path = path;
  return about;
}

// Copies what there is below `from`, links and other kinds of files left out.
void copy_tree(const fs::path& from, const fs::path& to, const std::string& path,
               std::vector<BackupFile>& files) {
  struct stat info {};
  if (::lstat(from.c_str(), &info) != 0) return;
  if (S_ISREG(info.st_mode)) {
    if (auto file = copied(from, to)) {
      file->path = path;
      files.push_back(*std::move(file));
    }
    return;
  }
  if (!S_ISDIR(info.st_mode)) return;
  support::create_directories(to, 0700);
  for (const auto& entry : fs::directory_iterator(from)) {
    const std::string name = entry.path().filename().string();
    if (name != unfinished)
      copy_tree(entry.path(), to / name, std::string(path).append(1, '/').append(name), files);
  }
}

// Moves what is whole to its name.
void put_in_place(const fs::path& made, const fs::path& place) {
  if (::rename(made.c_str(), place.c_str()) != 0)
    support::fail_on_file("rename " + made.string() + " to", place, errno);
  const support::Fd parent(::open(place.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (parent) ::fsync(parent.get());
}

// A directory that is made under another name, and removed unless it is whole.
class NewDirectory {
 public:
  explicit NewDirectory(const fs::path& place)
      : place_(place), made_(place.string() + ".incomplete") {
    std::error_code ignored;
    if (fs::exists(fs::symlink_status(place, ignored)) && !fs::is_empty(place, ignored))
      throw Error(Errc::usage, place.string() + " exists and is not empty; name a new directory");
    fs::remove_all(made_, ignored);
    support::create_directories(made_, 0700);
  }
  NewDirectory(const NewDirectory&) = delete;
  NewDirectory& operator=(const NewDirectory&) = delete;
  ~NewDirectory() {
    std::error_code ignored;
    if (!is_done_) fs::remove_all(made_, ignored);
  }
  const fs::path& path() const { return made_; }
  void finish() {
    put_in_place(made_, place_);
    is_done_ = true;
  }

 private:
  fs::path place_, made_;
  bool is_done_ = false;
};

// pg_dump and pg_restore know the database better than we do.
void run_postgresql(const Call& call, std::vector<std::string> command,
                    const DatabaseAddress& address) {
  command.emplace_back("--dbname=" + address.public_connection);
  ProcessSpec spec{command};
  spec.env = {"PGPASSWORD=" + address.password};
  const std::string& program = command.front();
  try {
    const auto result = call.service<Process>().run(spec);
    if (result.exit_code == 0) return;
    throw Error(Errc::failed,
                program + " failed: " + support::one_line(support::trimmed(result.err)));
  } catch (const Error& error) {
    if (error.code() != Errc::not_found) throw;
    throw Error(Errc::not_found,
                program + " not found; install PostgreSQL's client programs (postgresql-client)");
  }
}

void dump_database(const Call& call, const DatabaseAddress& address, const fs::path& to) {
  if (address.dialect == Dialect::postgresql)
    return run_postgresql(
        call,
        {"pg_dump", "--format=custom", "--no-owner", "--no-privileges", "--file=" + to.string()},
        address);
  Database database(address);
  // A consistent copy without the space that is free, while others write.
  database.read("copying the database",
                [&](SqlSession& session) { execute(session, "VACUUM INTO $1", to.string()); });
}

std::string manifest_of(const std::vector<BackupFile>& files, Dialect dialect) {
  return support::json_object([&](support::Object& object) {
    object.number("schema", manifest_schema).time("created", now_ms());
    object.text("database", dialect == Dialect::sqlite ? "sqlite" : "postgresql");
    object.list("files", files, [](support::JsonWriter& json, const BackupFile& file) {
      support::Object(json)
          .text("path", file.path)
          .text("sha256", file.sha256)
          .number("size", file.size);
    });
  });
}

struct Backup {
  Dialect dialect = Dialect::sqlite;
  std::vector<BackupFile> files;
};

[[noreturn]] void not_a_backup(const fs::path& directory, const std::string& why) {
  throw Error(Errc::corrupt, directory.string() + " is not a backup of a hub: " + why);
}

// A path from a manifest leads nowhere else.
bool is_inside(std::string_view path) {
  return !path.empty() && path.front() != '/' && path.find('\0') == std::string_view::npos &&
         ('/' + std::string(path) + '/').find("/../") == std::string::npos;
}

Backup read_manifest(const fs::path& directory) {
  const auto text = support::read_file(directory / manifest_name, max_manifest);
  if (!text) not_a_backup(directory, std::string("it has no ") + manifest_name);
  const auto document = parse_object(*text);
  const auto* files = document ? support::find_member(*document, "files") : nullptr;
  if (files == nullptr || !files->IsArray() ||
      support::number_or(*document, "schema", 0) != manifest_schema)
    not_a_backup(directory, std::string(manifest_name) + " is of another schema, or damaged");
  Backup backup;
  if (support::text_or(*document, "database", "") == "postgresql")
    backup.dialect = Dialect::postgresql;
  for (const auto& file : files->GetArray()) {
    if (!file.IsObject()) not_a_backup(directory, std::string(manifest_name) + " is damaged");
    BackupFile entry{support::text_or(file, "path", ""), support::text_or(file, "sha256", ""),
                     static_cast<uint64_t>(support::number_or(file, "size", 0))};
    if (!is_inside(entry.path)) not_a_backup(directory, "it names a file outside of it");
    backup.files.push_back(std::move(entry));
  }
  return backup;
}

// Copies each file, and compares what was copied with the manifest.
void restore_files(const fs::path& from, const fs::path& to, const Backup& backup) {
  for (const auto& file : backup.files) {
    const fs::path target = to / file.path;
    support::create_directories(target.parent_path(), 0700);
    const auto copy = copied(from / file.path, target);
    if (!copy || copy->sha256 != file.sha256 || copy->size != file.size)
      throw Error(Errc::corrupt, "the backup is damaged: " + (from / file.path).string() +
                                     (copy ? " has changed since it was made" : " is missing"));
  }
}

}  // namespace

int backup(const Call& call) {
  const fs::path place = fs::absolute(text_option(call, "DIR")).lexically_normal();
  const DataDirectory data{fs::absolute(data_option(call)).lexically_normal()};
  const DatabaseAddress address = known_database(call);
  NewDirectory made(place);
  std::vector<BackupFile> files;
  const std::string database_file =
      address.dialect == Dialect::sqlite ? data.database().filename().string() : dump_name;
  dump_database(call, address, made.path() / database_file);
  files.push_back(described(made.path() / database_file, database_file));
  for (const char* name : kept_files) copy_tree(data.root / name, made.path() / name, name, files);
  support::write_durably(made.path() / manifest_name, manifest_of(files, address.dialect) + '\n',
                         0600);
  made.finish();
  return print_result(call, {"backup", "directory", place.string(),
                             "Backed up the hub to " + place.string() + ", " +
                                 std::to_string(files.size()) + " files"});
}

int restore(const Call& call) {
  const fs::path from = fs::absolute(text_option(call, "DIR")).lexically_normal();
  const DataDirectory data{fs::absolute(data_option(call)).lexically_normal()};
  const Backup backup = read_manifest(from);
  const auto url = secret_option(call, "database");
  if (url.has_value() != (backup.dialect == Dialect::postgresql))
    throw Error(Errc::usage, url ? "the backup is of a hub on SQLite; leave out --database"
                                 : "the backup is of a hub on PostgreSQL; give an empty database "
                                   "with --database URL");
  NewDirectory made(data.root);
  restore_files(from, made.path(), backup);
  if (url) {
    const fs::path dump = made.path() / dump_name;
    run_postgresql(call,
                   {"pg_restore", "--exit-on-error", "--single-transaction", "--no-owner",
                    "--no-privileges", dump.string()},
                   postgresql_address(*url));
    fs::remove(dump);
  }
  made.finish();
  return print_result(
      call, {"restore", "directory", data.root.string(),
             "Restored the hub into " + data.root.string() +
                 "; start it with 'jetpack hub serve --data " + data.root.string() + "'"});
}

}  // namespace jetpack::hub
