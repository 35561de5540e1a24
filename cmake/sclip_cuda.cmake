# Decides SCLIP_WITH_CUDA and defines sclip_nvcc, the options of every .cu file.
#
# SCLIP_CUDA_ARCHITECTURES   what there is machine code for; `cmake --preset cuda` makes it for every device. It comes from
#                            two PTX texts: that of compute_100 for Blackwell, whose compiler in nvcc is another one, and
#                            that of compute_80 for what came before. The latter is kept: a device that is not in the
#                            list compiles it when it first meets a kernel.
#                            tests/python/test_cuda_machine_code.py does the same, and holds the kernels' banners to it.
set(SCLIP_CUDA_ARCHITECTURES "80" CACHE STRING "CUDA architectures with machine code of their own: 80, 86, 90, 90a, …")
set(SCLIP_WITH_CUDA OFF)
if(SCLIP_CUDA STREQUAL "OFF")
  return()
endif()
if(SCLIP_CUDA STREQUAL "AUTO" AND SCLIP_SANITIZE)
  message(STATUS "CUDA: left out of builds with sanitizers; cudasim checks the kernels")
  return()
endif()

find_program(SCLIP_NVCC nvcc HINTS ${CUDAToolkit_ROOT}/bin $ENV{CUDA_HOME}/bin /usr/local/cuda/bin)
if(NOT SCLIP_NVCC)
  if(NOT SCLIP_CUDA STREQUAL "AUTO")
    message(FATAL_ERROR "SCLIP_CUDA=ON, but there is no nvcc: install the CUDA Toolkit 12 or newer and set CUDAToolkit_ROOT")
  endif()
  message(STATUS "CUDA: no nvcc found, building for the CPU only")
  return()
endif()
set(CMAKE_CUDA_COMPILER ${SCLIP_NVCC})
set(CMAKE_CUDA_ARCHITECTURES OFF)  # sclip_nvcc names them
set(CMAKE_CUDA_RUNTIME_LIBRARY Shared)  # cudasim stands in for the shared one
enable_language(CUDA)
if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 12)
  message(FATAL_ERROR "nvcc ${CMAKE_CUDA_COMPILER_VERSION} is too old: CUDA 12 or newer is needed, or SCLIP_CUDA=OFF")
endif()
if(NOT DEFINED CMAKE_CUDA20_STANDARD_COMPILE_OPTION)  # CMake 3.25 does not know that nvcc 12 has it
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
  set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION "-std=c++20")
endif()
set(CMAKE_CUDA_STANDARD 20)
set(CMAKE_CUDA_STANDARD_REQUIRED ON)
find_package(CUDAToolkit REQUIRED)
set(SCLIP_WITH_CUDA ON)

add_library(sclip_nvcc_flags INTERFACE)
add_library(sclip_nvcc INTERFACE)
target_link_libraries(sclip_nvcc INTERFACE sclip_nvcc_flags)
set(cuda_codes compute_80)
set(blackwell_codes)
foreach(architecture IN LISTS SCLIP_CUDA_ARCHITECTURES)
  if(architecture STREQUAL "90a")
    list(APPEND cuda_codes sm_90)  # and kernels/CMakeLists.txt adds what only sm_90a has
  elseif(architecture LESS 100)
    list(APPEND cuda_codes sm_${architecture})
  else()
    list(APPEND blackwell_codes sm_${architecture})
  endif()
endforeach()
list(JOIN cuda_codes "," cuda_codes)
list(JOIN blackwell_codes "," blackwell_codes)
target_compile_options(sclip_nvcc INTERFACE "$<$<COMPILE_LANGUAGE:CUDA>:--generate-code=arch=compute_80,code=[${cuda_codes}]>")
if(blackwell_codes)
  target_compile_options(sclip_nvcc INTERFACE "$<$<COMPILE_LANGUAGE:CUDA>:--generate-code=arch=compute_100,code=[${blackwell_codes}]>")
endif()
target_compile_options(sclip_nvcc_flags INTERFACE "$<$<COMPILE_LANGUAGE:CUDA>:SHELL:-lineinfo -Xcompiler -Wall,-Wextra>")
if(SCLIP_WERROR)
  target_compile_options(sclip_nvcc_flags INTERFACE "$<$<COMPILE_LANGUAGE:CUDA>:SHELL:-Werror all-warnings>")
endif()
