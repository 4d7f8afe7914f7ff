# Parent of one throw-away PostgreSQL: makes its directory, starts it, and ends both with their last holder.
#
#   $1 directory of the binaries   $2 directory to make   $3 seconds to linger   $4 lines for postgresql.conf
#
# Standard input is the starter's lifeline: the kernel closes it however that process ends. $2/life is the
# lifeline of everybody else: who joins holds it open for writing, and writes one byte, so that it is noticed.
# Exit status 73: the directory cannot be made.
umask 077
ulimit -c 0
trap : INT TERM HUP QUIT
mkdir "$2" && mkfifo "$2/life" || exit 73
exec 3<>"$2/life" 4<"$2/life" 3>&- # opened for both first: opening for reading alone waits for a writer
(
  trap : INT TERM HUP QUIT
  exec </dev/null >"$2/log" 2>&1 4<&-
  "$1/initdb" -D "$2/data" -U postgres -A trust -E UTF8 --locale=C --no-sync --wal-segsize=4 &&
    printf '%s' "$4" >>"$2/data/postgresql.conf" &&
    [ -e "$2/life" ] && # nobody has given up meanwhile
    "$1/postgres" -D "$2/data"
  echo $? >"$2/exit"
) &
server=$!

cat >/dev/null
cat <&4 >/dev/null
left=$3
while [ "$left" -gt 0 ]; do
  sleep 1
  left=$((left - 1))
  [ -z "$(cat <&4)" ] || left=$3
done
rm -f "$2/life" # from here nobody can join; who just did is waited for
cat <&4 >/dev/null

# initdb is waited for: killed, it would leave its shared memory behind
while [ ! -e "$2/exit" ] && kill -0 "$server"; do
  pid=$(head -n 1 "$2/data/postmaster.pid")
  case $pid in [1-9]*) kill -QUIT "$pid" ;; esac
  sleep 0.02
done
# a server that was killed could not give its shared memory back; its number is the second on line 7
memory=$(sed -n '7s/.* //p' "$2/data/postmaster.pid")
[ -z "$memory" ] || ipcrm -m "$memory"
cd /
tries=0
until rm -rf "$2" || [ "$tries" -ge 50 ]; do
  tries=$((tries + 1))
  sleep 0.1
done
