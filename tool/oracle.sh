#!/usr/bin/env bash
# oracle.sh: makes (once) the virtual environment of the libraries that pace is compared with, and
# prints the path of its Python. Set PACE_ORACLE to keep it elsewhere than ~/.cache/pace/oracle.
# torch comes first and alone: without it the others would pull a build with several GB of CUDA.
set -euo pipefail
folder=${PACE_ORACLE:-${XDG_CACHE_HOME:-$HOME/.cache}/pace/oracle}
packages=(transformers==5.23.0 tokenizers==0.23.3 peft==0.21.2 trl==1.16.0 accelerate==1.15.0
  datasets==5.2.0 safetensors==0.8.0 gguf==0.19.0 tensorboard==2.21.0 jinja2==3.1.6 numpy==2.4.6
  pyyaml sentencepiece
  lion-pytorch==0.2.5 schedulefree==1.4.1 prodigyopt==1.1.2 bitsandbytes==0.50.2)
stamp=$folder/.made-with
wanted="torch==2.13.0 ${packages[*]}"
if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
  mkdir -p "$(dirname "$folder")"
  [ -x "$folder/bin/python" ] || python3 -m venv "$folder" >&2
  "$folder/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 >&2
  "$folder/bin/pip" install --quiet --disable-pip-version-check "${packages[@]}" >&2
  printf '%s' "$wanted" >"$stamp"
fi
printf '%s\n' "$folder/bin/python"
