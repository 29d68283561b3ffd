#!/usr/bin/env bash
# Installs what some tests look for, and are skipped without: a browser that looks at pages, a JDK with JUnit, model
# libraries, and torchvision's Python files (its wheels want the CUDA build of torch). Where a package cannot be had,
# its tests say so and are skipped.
set -uo pipefail
cd "$(dirname "$0")/.."
python=.venv/bin/python

missing=()
command -v chromedriver >/dev/null && command -v chromium >/dev/null || missing+=(chromium chromium-driver)
command -v javac >/dev/null || missing+=(default-jdk-headless)
[ -e /usr/share/java/junit4.jar ] || missing+=(junit4)
if [ ${#missing[@]} -ne 0 ]; then
  sudo=()
  [ "$(id -u)" -eq 0 ] || sudo=(sudo -n)
  if command -v apt-get >/dev/null; then
    echo "installing with apt, for tests: ${missing[*]}"
    "${sudo[@]}" apt-get update -qq &&
      "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" ||
      echo "not installed: ${missing[*]}; their tests are skipped"
  else
    echo "not installed: ${missing[*]}; their tests are skipped"
  fi
fi

# The release of torchvision that belongs to the installed torch: 0.(minor + 15).
minor=$("$python" -c 'import torch; print(torch.__version__.split(".")[1])')
if [ ! -d .venv/torchvision ]; then
  folder=$(mktemp -d)
  "$python" -m pip download --quiet --no-deps --dest "$folder" "torchvision==0.$((minor + 15)).*" &&
    "$python" -m zipfile -e "$folder"/torchvision-*.whl .venv/torchvision ||
    echo "torchvision's source cannot be had; its tests are skipped"
  rm -rf "$folder"
fi
# torch is held to what is installed: another release would bring CUDA along.
"$python" -m pip install --quiet --constraint <("$python" -m pip freeze | grep -i '^torch==') ai-edge-model-explorer ||
  echo "ai-edge-model-explorer cannot be had; its test is skipped"
