# Words made, counted, matched and sorted; numbers in a closure. No modules.
my ($rounds) = @ARGV;
my $state = 12345;
my $next = sub { return $state = ($state * 1103515245 + 12345) % 2147483648 };
my %count;
for my $round (1 .. $rounds) {
    my @word = map { my $n = $next->(); join '', map { chr(97 + ($n >> $_) % 26) } 3, 8, 13, 18 } 1 .. 1000;
    $count{$_}++ for @word;
    my $text = join ' ', @word;
    $count{found} += () = $text =~ /\b[a-m]\w*[n-z]\b/g;
    $text =~ s/([aeiou])(\w)/$2$1/g;
    $count{length((split / /, $text)[$round % 1000])}++;
}
my @order = sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count;
print "$_ $count{$_}\n" for @order[0 .. 99];
print scalar(@order), "\n";
