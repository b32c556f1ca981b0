// `jetpack blob ACTION`: the storage service at a shell, for tests; a plugin as any author's.
#include <unistd.h>

#include <chrono>
#include <string>
#include <vector>

#include <jetpack/plugin.hpp>

namespace {

int run(const jetpack::Call& call) {
  const auto storage = call.service<jetpack::Storage>();
  const std::string action(*call.text("ACTION"));
  const std::string blob(call.text("BLOB").value_or(""));
  if (action == "where") {
    call.print(storage.locker() + "\n");
  } else if (action == "list") {
    int64_t left = *call.integer("most");
    storage.list(blob, [&](std::string_view line) {
      call.print(std::string(line) + "\n");
      return --left > 0;
    });
  } else if (action == "show") {
    call.print(storage.properties(blob).value_or("none") + "\n");
  } else if (action == "get") {
    const auto done = storage.download(blob, *call.text("FILE"));
    call.print(std::to_string(done.bytes) + " " + std::to_string(done.resumed) + " " +
               std::to_string(static_cast<int>(done.checked)) + "\n");
  } else if (action == "sync") {
    jetpack::SyncOptions options;
    options.fresh = call.flag("fresh");
    options.progress = [&](uint64_t, uint64_t) { return !call.flag("cancel"); };
    const auto done = storage.sync(blob, *call.text("FILE"), options);
    call.print(std::to_string(static_cast<int>(done.changed)) + " " + std::to_string(done.files) +
               " " + std::to_string(done.transferred) + " " + std::to_string(done.removed) + "\n");
  } else if (action == "all") {
    std::vector<jetpack::Wanted> wanted;
    storage.list(blob + "/", [&](std::string_view line) {
      const size_t name = line.find(blob + "/") + blob.size() + 1;
      wanted.push_back(
          {std::string(line), std::string(line.substr(name, line.find('"', name) - name))});
      return true;
    });
    jetpack::DownloadOptions options;
    options.progress = [&](uint64_t, uint64_t) { return !call.flag("cancel"); };
    storage.download_all(
        wanted, *call.text("FILE"),
        [&](size_t index, const jetpack::Downloaded& result, const jetpack::Error* failure) {
          call.print(wanted[index].path + " " +
                     (failure != nullptr ? failure->what() : std::to_string(result.bytes)) + "\n");
        },
        options);
  } else if (action == "put") {
    const auto from_input = [](char* buffer, size_t capacity) {
      const ssize_t got = ::read(STDIN_FILENO, buffer, capacity);
      if (got < 0) throw jetpack::Error(jetpack::Errc::failed, "cannot read standard input");
      return static_cast<size_t>(got);
    };
    jetpack::UploadOptions options;
    options.content_type = "text/x-probe";
    call.print(std::to_string(storage.upload(blob, from_input, options)) + "\n");
  } else if (action == "remove") {
    storage.remove(blob);
  } else {
    jetpack::SignOptions options;
    options.content_disposition = "file; attachment";
    options.content_type = "binary";
    const auto url = storage.sign(blob, std::chrono::seconds{*call.integer("seconds")}, options);
    const auto ends =
        std::chrono::duration_cast<std::chrono::seconds>(url.expires.time_since_epoch());
    call.print(url.url + "\n" + std::to_string(ends.count()) + "\n" +
               std::to_string(static_cast<int>(url.shortened)) + "\n");
  }
  return 0;
}

}  // namespace

JETPACK_PLUGIN(
    "test.blob", "1.0.0", jetpack::needs<jetpack::Storage>(),
    jetpack::command("blob", "Use the storage service", run,
                     jetpack::argument("ACTION", "What to do")
                         .choices("where", "list", "show", "get", "sync", "all", "put", "remove",
                                  "sign"),
                     jetpack::argument("BLOB", "Its name, or how names begin").optional(),
                     jetpack::argument("FILE", "Where a download or a sync goes").optional(),
                     jetpack::flag("fresh", "Sync everything"),
                     jetpack::flag("cancel", "End a sync at its first report of progress"),
                     jetpack::option("most", "COUNT", "End a listing after so many")
                         .integer(1, 1000000)
                         .fallback("1000000"),
                     jetpack::option("seconds", "SECONDS", "How long a URL is valid")
                         .integer()
                         .fallback("600")));
