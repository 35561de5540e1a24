// cudasim PROGRAM ARGS: runs a program with the stand-in CUDA libraries. Options become environment variables that the
// libraries read.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>

namespace {

constexpr const char* kUsage =
    "usage: cudasim [options] program [args...]\n"
    "  --report FILE      write findings and counters as JSON\n"
    "  --stats            print counters per kernel\n"
    "  --checks LIST      all (default), none, or some of memory,shared,sync,leaks\n"
    "  --late-copies      copies that may end after their call (cp.async, cudaMemcpy from pageable\n"
    "                     memory) do so as late as is legal (default)\n"
    "  --early-copies     they end as early as is legal\n"
    "  --delay-streams    work on streams waits until something needs it\n"
    "  --seed N           order of warps (default 1)\n"
    "  --jobs N           worker threads (default: all cores)\n"
    "  --device NAME      sm_80 (default), sm_90 or sm_120\n"
    "  --devices N        as many of them, 1 (default) to 16\n"
    "  --timeout SECONDS  stop a kernel that runs longer (default: never)\n"
    "  --save-ptx DIR     write the PTX whose lines the reports name into DIR\n"
    "Exit code: the program's own; 86 when a check failed; 2 for wrong use.\n";

int fail(const std::string& text) {
  std::fprintf(stderr, "cudasim: %s\n", text.c_str());
  return 2;
}

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* path = std::getenv("PATH");
  std::string dirs = path ? path : "";
  for (size_t at = 0; at <= dirs.size();) {
    size_t end = dirs.find(':', at);
    if (end == std::string::npos) end = dirs.size();
    const std::string full = dirs.substr(at, end - at) + "/" + name;
    if (access(full.c_str(), X_OK) == 0) return full;
    at = end + 1;
  }
  return name;
}

// A statically linked runtime would silently look for a real driver.
bool contains(const std::string& file, const std::string& needle) {
  std::ifstream in(file, std::ios::binary);
  std::string block(1 << 20, '\0'), tail;
  while (in) {
    in.read(block.data(), std::streamsize(block.size()));
    const std::string data = tail + block.substr(0, size_t(in.gcount()));
    if (data.find(needle) != std::string::npos) return true;
    tail = data.substr(data.size() > needle.size() ? data.size() - needle.size() : 0);
  }
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  int i = 1;
  auto value = [&](const char* option) -> const char* {
    if (i + 1 < argc) return argv[++i];
    std::fprintf(stderr, "cudasim: %s needs a value.\n", option);
    std::exit(2);
  };
  auto set = [](const char* name, const std::string& v) { setenv(name, v.c_str(), 1); };
  for (; i < argc && argv[i][0] == '-'; ++i) {
    const std::string o = argv[i];
    if (o == "--help" || o == "-h") {
      std::fputs(kUsage, stdout);
      return 0;
    } else if (o == "--report")
      set("CUDASIM_REPORT", std::filesystem::absolute(value("--report")).string());
    else if (o == "--stats")
      set("CUDASIM_STATS", "1");
    else if (o == "--checks")
      set("CUDASIM_CHECKS", value("--checks"));
    else if (o == "--late-copies")
      set("CUDASIM_EARLY_COPIES", "0");
    else if (o == "--early-copies")
      set("CUDASIM_EARLY_COPIES", "1");
    else if (o == "--delay-streams")
      set("CUDASIM_DELAY_STREAMS", "1");
    else if (o == "--seed")
      set("CUDASIM_SEED", value("--seed"));
    else if (o == "--jobs")
      set("CUDASIM_JOBS", value("--jobs"));
    else if (o == "--device")
      set("CUDASIM_DEVICE", value("--device"));
    else if (o == "--devices") {
      const std::string n = value("--devices");
      char* end = nullptr;
      const long count = std::strtol(n.c_str(), &end, 10);
      if (n.empty() || *end != '\0' || count < 1 || count > 16) return fail("--devices takes 1 to 16, not " + n + ".");
      set("CUDASIM_DEVICES", n);
    } else if (o == "--timeout")
      set("CUDASIM_TIMEOUT", value("--timeout"));
    else if (o == "--save-ptx")
      set("CUDASIM_SAVE_PTX", std::filesystem::absolute(value("--save-ptx")).string());
    else if (o == "--") {
      ++i;
      break;
    } else
      return fail("unknown option " + o + "; see cudasim --help.");
  }
  if (i >= argc) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::filesystem::path libs = self.parent_path() / "cudasim-lib";
  if (!std::filesystem::exists(libs / "libcudart.so.13"))
    return fail("the folder " + libs.string() + " with libcudart.so.13 is missing; build cudasim again.");
  const std::string program = find_program(argv[i]);
  if (access(program.c_str(), F_OK) != 0) return fail("there is no program " + program + ".");
  // The section of the fat binary stays when the names of functions are stripped.
  if (contains(program, ".nvFatBinSegment") && !contains(program, "libcudart.so.13"))
    return fail(
        program +
        " has the CUDA runtime linked statically or of another version; link it with nvcc 13 and -cudart shared.");
  const char* old = std::getenv("LD_LIBRARY_PATH");
  set("LD_LIBRARY_PATH", libs.string() + (old && *old ? std::string(":") + old : ""));
#ifdef CUDASIM_PRELOAD  // a build with sanitizers: their library must come before the program's
  set("LD_PRELOAD", CUDASIM_PRELOAD);
  setenv("ASAN_OPTIONS", "detect_leaks=0", 0);  // the program's leaks are not cudasim's
#endif
  // Threads of the host's matrix product that spin would take the cores from the interpreter.
  setenv("OMP_WAIT_POLICY", "passive", 0);
  execv(program.c_str(), argv + i);
  return fail("cannot run " + program + ": " + std::strerror(errno) + ".");
}
