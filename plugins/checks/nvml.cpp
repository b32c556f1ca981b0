// NVIDIA's management library, as far as the checks use it.
#include "checks/nvml.hpp"

#include <dlfcn.h>

#include <array>

namespace jetpack::checks {

namespace {

constexpr int success = 0;
constexpr unsigned temperature_of_gpu = 0;
constexpr unsigned uncorrected_errors = 1, since_driver_load = 0;
constexpr size_t longest_name = 96;

using Device = void*;

// A function of the library, which older ones may lack.
template <class Signature>
class Function;
template <class... Argument>
class Function<int(Argument...)> {
 public:
  Function(void* library, const char* name)
      : call_(reinterpret_cast<int (*)(Argument...)>(::dlsym(library, name))) {}
  explicit operator bool() const { return call_ != nullptr; }
  bool operator()(Argument... arguments) const {
    return call_ != nullptr && call_(arguments...) == success;
  }
  int code(Argument... arguments) const { return call_(arguments...); }

 private:
  int (*call_)(Argument...);
};

class Library {
 public:
  explicit Library(void* handle)
      : handle_(handle),
        error_string_(reinterpret_cast<const char* (*)(int)>(::dlsym(handle, "nvmlErrorString"))) {}

  Gpus read() const {
    Gpus gpus;
    gpus.is_installed = true;
    const Function<int()> init(handle_, "nvmlInit_v2"), shutdown(handle_, "nvmlShutdown");
    const Function<int(unsigned*)> count_of(handle_, "nvmlDeviceGetCount_v2");
    if (!init || !count_of) {
      gpus.problem = "libnvidia-ml.so.1 lacks nvmlInit_v2";
      return gpus;
    }
    if (const int code = init.code(); code != success) {
      gpus.problem = text_of(code);
      return gpus;
    }
    unsigned count = 0;
    if (const int code = count_of.code(&count); code != success) gpus.problem = text_of(code);
    for (unsigned i = 0; i < count; ++i) gpus.all.push_back(read(i));
    if (shutdown) shutdown();
    return gpus;
  }

 private:
  Gpu read(unsigned index) const {
    const Function<int(unsigned, Device*)> handle_of(handle_, "nvmlDeviceGetHandleByIndex_v2");
    const Function<int(Device, char*, unsigned)> name_of(handle_, "nvmlDeviceGetName");
    const Function<int(Device, unsigned, unsigned*)> temperature(handle_,
                                                                 "nvmlDeviceGetTemperature");
    const Function<int(Device, unsigned, unsigned, unsigned long long*)> errors(
        handle_, "nvmlDeviceGetTotalEccErrors");
    const Function<int(Device, unsigned*, unsigned*, unsigned*, unsigned*)> remapped(
        handle_, "nvmlDeviceGetRemappedRows");
    Gpu gpu;
    Device device = nullptr;
    if (!handle_of) {
      gpu.problem = "libnvidia-ml.so.1 lacks nvmlDeviceGetHandleByIndex_v2";
      return gpu;
    }
    if (const int code = handle_of.code(index, &device); code != success) {
      gpu.problem = text_of(code);
      return gpu;
    }
    std::array<char, longest_name> name{};
    if (name_of(device, name.data(), longest_name - 1)) gpu.name = name.data();
    unsigned degrees = 0;
    if (temperature(device, temperature_of_gpu, &degrees)) gpu.temperature = degrees;
    unsigned long long count = 0;
    if (errors(device, uncorrected_errors, since_driver_load, &count)) gpu.uncorrected = count;
    unsigned corrected = 0, uncorrected = 0, pending = 0, failed = 0;
    if (remapped(device, &corrected, &uncorrected, &pending, &failed)) {
      gpu.is_remap_pending = pending != 0;
      gpu.has_remap_failed = failed != 0;
    }
    return gpu;
  }

  std::string text_of(int code) const {
    const char* text = error_string_ != nullptr ? error_string_(code) : nullptr;
    return text != nullptr ? text : "NVML error " + std::to_string(code);
  }

  void* handle_;
  const char* (*error_string_)(int);
};

}  // namespace

Gpus read_gpus() {
  void* handle = ::dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return {};
  // Never closed: the process ends after its check.
  return Library(handle).read();
}

}  // namespace jetpack::checks
