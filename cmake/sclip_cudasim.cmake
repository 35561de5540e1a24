# cudasim beside sclip: build/cudasim and build/cudasim-lib. A product of its own, which only shares this build.
set(build_cudasim ${SCLIP_CUDASIM})
if(SCLIP_CUDASIM STREQUAL "AUTO")
  find_program(CUDASIM_NVCC nvcc HINTS ${CUDAToolkit_ROOT}/bin /usr/local/cuda/bin)
  set(build_cudasim ${CUDASIM_NVCC})
elseif(SCLIP_CUDASIM)
  set(build_cudasim ON)
endif()
if(build_cudasim AND SCLIP_SANITIZE)
  message(STATUS "cudasim is left out of builds with sanitizers; it has CUDASIM_SANITIZE for a build of its own")
  set(build_cudasim OFF)
endif()
if(build_cudasim)
  set(CUDASIM_BUILD_TESTS ${SCLIP_BUILD_TESTS} CACHE BOOL "Build cudasim's tests")
  # The folder is not named cudasim, because the launcher is.
  add_subdirectory(cudasim cudasim-build)
  add_dependencies(sclip cudasim)  # so that `make build` leaves the launcher as well
endif()
